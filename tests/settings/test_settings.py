"""Settings: every key known, every value of its kind and in its range."""

from __future__ import annotations

from pathlib import Path

import pytest

from exitladder.errors import SettingsError
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.settings.template import settings_toml


def test_defaults_serve() -> None:
    assert load_settings(None) == Settings()


def test_a_file_and_then_overrides(tmp_path: Path) -> None:
    path = tmp_path / "exitladder.toml"
    path.write_text("[tuning]\nn_trials = 7\n[costs]\ncommission_bps = 3\n[search]\nn_rungs = 2\n")
    settings = load_settings(path, ["tuning.n_trials=9", "project.name=mine", "features.names=['rsi_14', 'open_r']"])
    assert settings.tuning.n_trials == 9
    assert settings.costs.commission_bps == 3.0
    assert settings.search.n_rungs == (2, 2)
    assert settings.project.name == "mine"
    assert settings.features.names == ("rsi_14", "open_r")


def test_the_order_of_overrides_does_not_matter() -> None:
    ticks, tick = "costs.slippage_ticks=1", "costs.tick=0.25"
    settings = load_settings(None, [ticks, tick])
    assert settings == load_settings(None, [tick, ticks])
    assert (settings.costs.slippage_ticks, settings.costs.tick) == (1.0, 0.25)
    assert load_settings(None, ["tuning.n_trials=5", "tuning.n_trials=6"]).tuning.n_trials == 6
    with pytest.raises(SettingsError, match="tick"):
        load_settings(None, [ticks])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tuning.n_trial=5", "Unknown key 'n_trial' in tuning. Did you mean 'n_trials'?"),
        ("tunning.n_trials=5", "Unknown key 'tunning' in settings. Did you mean 'tuning'?"),
        ("tuning.n_trials=many", "must be an integer"),
        ("tuning.n_trials=2.5", "must be an integer"),
        ("tuning.n_trials=0", "must be at least 1"),
        ("tracking.enabled=1", "must be true or false"),
        ("validation.test_fraction=0.95", "must be at most 0.9"),
        ("search.n_rungs=[3, 1]", "must be one value or [least, most]"),
        ("search.time_bars=[1, 2, 3]", "must be one value or [least, most]"),
        ("model.calibration=plat", "Did you mean 'platt'?"),
        ("costs.tick=-1", "must be 0 or more"),
        ("nonsense", "table.key=value"),
        ("model.learning_rate=nan", "must be a number"),
    ],
)
def test_what_cannot_be_is_refused(override: str, message: str) -> None:
    with pytest.raises(SettingsError) as result:
        load_settings(None, [override])
    assert message in str(result.value)


def test_every_key_has_its_comment() -> None:
    for part in Settings.__dataclass_fields__:
        table = getattr(Settings(), part)
        if part in ("costs", "symbols", "currencies"):
            continue
        for name, key in table.__dataclass_fields__.items():
            assert key.metadata["text"], f"{part}.{name}"


def test_the_mapping_reads_back() -> None:
    settings = load_settings(None, ["tuning.n_trials=9", "search.n_rungs=[0, 2]", "costs.lot=1"])
    assert Settings().with_values(settings.to_mapping()) == settings


SERIES = '[[features.series]]\nname = "vix"\npath = "vix.csv"\ncolumn = "close"\ndelay = "1d"\n'


def test_series_of_the_users_own_are_tables_and_are_written_back(tmp_path: Path) -> None:
    path = tmp_path / "exitladder.toml"
    path.write_text(f'[features]\nbenchmark = "SPY"\n{SERIES}\n{SERIES.replace("vix", "flow")}directed = true\n')
    settings = load_settings(path)
    assert [(s.name, s.delay_ns, s.directed) for s in settings.features.series] == [
        ("vix", 86_400 * 10**9, False),
        ("flow", 86_400 * 10**9, True),
    ]
    path.write_text(settings_toml(settings))
    assert load_settings(path) == settings
    assert Settings().with_values(settings.to_mapping()) == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SERIES.replace('delay = "1d"\n', ""), "delay is missing in"),
        (SERIES.replace('"1d"', '"soon"'), "delay of the series 'vix' must be"),
        (SERIES.replace('name = "vix"', 'name = "vix_z_5"'), "name of a series must consist of"),
        (SERIES.replace("column", "colum"), "Did you mean 'column'"),
        (SERIES + SERIES, "occurs 2 times"),
        ('[features]\nseries = "vix"', "must be tables"),
        (SERIES + "directed = 1", "must be true or false"),
    ],
)
def test_a_series_declared_wrongly_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "exitladder.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_settings(path)
