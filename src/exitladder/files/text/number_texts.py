"""The text of many numbers at once, compiled: the digits that Python's ``repr`` writes.

The shortest decimal number that reads back as the same double, and of several the closest to it. Source: Giulietti,
"The Schubfach way to render doubles" (2020), section 9.
"""

from __future__ import annotations

from functools import cache

import numba
import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatTable, IntArray
from exitladder.runtime.compiling import linked

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

LONGEST = 24
"""Bytes of the longest number, such as ``-2.2250738585072014e-308``."""

_LEAST_POWER, _MOST_POWER = -292, 324
_ONE, _TEN, _HUNDRED, _HALF_OF_DIGITS = (np.uint64(n) for n in (1, 10, 100, 10**8))
_LOW_HALF, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_FRACTION_BITS, _FRACTION = np.uint64(52), np.uint64((1 << 52) - 1)
_EXPONENT_BIAS = 1075
_MINUS, _POINT, _COMMA, _ZERO, _E, _PLUS, _I, _N, _F = (np.uint8(ord(c)) for c in "-.,0e+inf")


@cache
def powers_of_ten() -> Words:
    """Return the upper 128 bits of powers of ten, rounded up, as pairs of words, shape (617, 2)."""
    words = []
    for power in range(_LEAST_POWER, _MOST_POWER + 1):
        shift = 127 - (power * 1_741_647 >> 19)
        over, under = 10 ** max(power, 0) << max(shift, 0), 10 ** max(-power, 0) << max(-shift, 0)
        bits = -(-over // under)
        words.append((bits >> 64, bits & (2**64 - 1)))
    return np.array(words, dtype=np.uint64)


def rows_of_numbers(block: FloatTable) -> tuple[Bytes, IntArray]:
    """Return the text of each row, its numbers separated by commas; NaN is blank.

    Parameters
    ----------
    block : float64 array, shape (n_rows, n_columns)

    Returns
    -------
    text : uint8 array
        One row after another.
    ends : int64 array, shape (n_rows + 1,)
        Where each row begins; the last value is the length of the text.

    Examples
    --------
    >>> text, ends = rows_of_numbers(np.array([[1.0, np.nan, 0.1], [1e-5, 1e16, -0.0]]))
    >>> text.tobytes(), ends.tolist()
    (b'1.0,,0.11e-05,1e+16,-0.0', [0, 8, 24])
    """
    text = np.empty(block.size * (LONGEST + 1) + 1, dtype=np.uint8)
    ends = np.zeros(len(block) + 1, dtype=np.int64)
    _write_rows(np.ascontiguousarray(block), powers_of_ten(), text, ends)
    return text[: ends[-1]], ends


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _write_rows(block: FloatTable, powers: Words, text: Bytes, ends: IntArray) -> None:
    """Write the rows one after another into `text`, and where each ends."""
    bits = block.view(np.uint64)
    at = 0
    for row in range(block.shape[0]):
        for column in range(block.shape[1]):
            if column:
                text[at] = _COMMA
                at += 1
            value = block[row, column]
            if value == value:
                at = _write(bits[row, column], powers, text, at)
        ends[row + 1] = at


@linked(error_model="numpy")
def _write(bits: np.uint64, powers: Words, text: Bytes, at: int) -> int:
    """Write one number that is not NaN at a place; return the place after it."""
    if bits >> np.uint64(63):
        text[at] = _MINUS
        at += 1
    exponent = int((bits >> _FRACTION_BITS) & np.uint64(0x7FF))
    fraction = bits & _FRACTION
    if exponent == 0x7FF:
        text[at], text[at + 1], text[at + 2] = _I, _N, _F
        return at + 3
    if exponent == 0 and fraction == 0:
        text[at], text[at + 1], text[at + 2] = _ZERO, _POINT, _ZERO
        return at + 3
    digits, power = _shortest(fraction, exponent, powers)
    while digits % _TEN == 0:
        digits //= _TEN
        power += 1
    return _write_digits(digits, power, text, at)


@linked(error_model="numpy")
def _shortest(fraction: np.uint64, exponent: int, powers: Words) -> tuple[np.uint64, int]:
    """Return the shortest digits of a positive double, possibly with zeros behind them, and their power of ten."""
    if exponent:
        c, q = fraction | (_ONE << _FRACTION_BITS), exponent - _EXPONENT_BIAS
        # a whole number
        if 0 <= -q <= 52 and not c & ((_ONE << np.uint64(-q)) - _ONE):
            return c >> np.uint64(-q), 0
    else:
        c, q = fraction, 1 - _EXPONENT_BIAS
    # below a power of two the neighbour is half as far
    is_closer = fraction == 0 and exponent > 1
    k = (q * 1_262_611 - (524_031 if is_closer else 0)) >> 22
    h = np.uint64(q + ((-k * 1_741_647) >> 19) + 1)
    upper, lower = powers[-k - _LEAST_POWER, 0], powers[-k - _LEAST_POWER, 1]
    four = c << np.uint64(2)
    middle = _product(upper, lower, four << h)
    least = _product(upper, lower, (four - np.uint64(1 if is_closer else 2)) << h)
    most = _product(upper, lower, (four + np.uint64(2)) << h)
    if c & _ONE:  # the ends round to another double
        least, most = least + _ONE, most - _ONE
    s = middle >> np.uint64(2)
    if s >= _TEN:
        tens = s // _TEN
        forty = tens * np.uint64(40)
        below, above = least <= forty, forty + np.uint64(40) <= most
        if below != above:
            return (tens + _ONE if above else tens), k + 1
    whole = s << np.uint64(2)
    below, above = least <= whole, whole + np.uint64(4) <= most
    if below == above:
        half = whole + np.uint64(2)
        above = (middle > half) | ((middle == half) & ((s & _ONE) == _ONE))
    return (s + _ONE if above else s), k


@linked(error_model="numpy")
def _product(upper: np.uint64, lower: np.uint64, by: np.uint64) -> np.uint64:
    """Return the upper 64 of the 192 bits of a product; the last bit is set if any bit below is (round to odd)."""
    _, carried = _multiply(lower, by)
    low, high = _multiply(upper, by)
    total = low + carried
    if total < low:
        high += _ONE
    return high | _ONE if total > _ONE else high


@linked(error_model="numpy")
def _multiply(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the lower and the upper word of a product."""
    a_low, a_high, b_low, b_high = a & _LOW_HALF, a >> _HALF, b & _LOW_HALF, b >> _HALF
    low = a_low * b_low
    middle = a_high * b_low + (low >> _HALF)
    other = a_low * b_high + (middle & _LOW_HALF)
    return a * b, a_high * b_high + (middle >> _HALF) + (other >> _HALF)


@linked(error_model="numpy")
def _write_digits(digits: np.uint64, power: int, text: Bytes, at: int) -> int:
    """Write digits times a power of ten as ``repr`` does: with an exponent below 0.0001 and from 1e16 on."""
    n, bound = 17, np.uint64(10**16)
    while digits < bound:
        bound //= _TEN
        n -= 1
    point = n + power  # digits before the point
    if point > 16 or point < -3:
        # d.ddde±xx: the digits after the first, one place further right
        _place(digits, n, text, at + 1)
        text[at] = text[at + 1]
        at += 1
        if n > 1:
            text[at] = _POINT
            at += n
        text[at], text[at + 1] = _E, _MINUS if point < 1 else _PLUS
        size = np.uint64(abs(point - 1))
        width = 3 if size >= _HUNDRED else 2
        _place(size, width, text, at + 2)
        return at + 2 + width
    if point <= 0:
        for k in range(at, at + 2 - point):
            text[k] = _ZERO
        text[at + 1] = _POINT
        _place(digits, n, text, at + 2 - point)
        return at + 2 - point + n
    if power >= 0:
        _place(digits, n, text, at)
        for k in range(at + n, at + point):
            text[k] = _ZERO
        text[at + point], text[at + point + 1] = _POINT, _ZERO
        return at + point + 2
    _place(digits, n, text, at + 1)
    for k in range(at, at + point):
        text[k] = text[k + 1]
    text[at + point] = _POINT
    return at + n + 1


@linked(error_model="numpy")
def _place(digits: np.uint64, n: int, text: Bytes, at: int) -> None:
    """Write the last n digits of a number."""
    end = at + n
    if n > 8:  # two halves, which a processor works on at once
        upper = digits // _HALF_OF_DIGITS
        digits -= upper * _HALF_OF_DIGITS
        _place_few(upper, at, end - 8, text)
        at = end - 8
    _place_few(digits, at, end, text)


@linked(error_model="numpy")
def _place_few(digits: np.uint64, begin: int, end: int, text: Bytes) -> None:
    while end - begin >= 2:
        rest = digits // _HUNDRED
        pair = digits - rest * _HUNDRED
        ten = pair // _TEN
        end -= 2
        text[end], text[end + 1] = _ZERO + np.uint8(ten), _ZERO + np.uint8(pair - ten * _TEN)
        digits = rest
    if end > begin:
        text[begin] = _ZERO + np.uint8(digits % _TEN)
