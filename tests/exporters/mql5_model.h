// A small model of what MetaTrader 5 gives to an expert: types, series, positions, the trade class.
// With it, the source of an expert compiles as C++. It checks types and runs the logic; it is no MQL5 compiler.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

using std::string;
typedef unsigned long ulong;
typedef unsigned int uint;
typedef long datetime;
#define input
#define EMPTY_VALUE DBL_MAX
enum { PERIOD_CURRENT, SYMBOL_VOLUME_STEP, SYMBOL_VOLUME_MIN, SYMBOL_TRADE_CONTRACT_SIZE, SYMBOL_TRADE_TICK_SIZE, SYMBOL_BID, SYMBOL_ASK,
       SYMBOL_TRADE_STOPS_LEVEL, SYMBOL_TRADE_FREEZE_LEVEL, ACCOUNT_MARGIN_MODE, ACCOUNT_MARGIN_MODE_RETAIL_HEDGING,
       POSITION_SYMBOL, POSITION_MAGIC, POSITION_TYPE, POSITION_TYPE_BUY, POSITION_TYPE_SELL, POSITION_PRICE_OPEN,
       POSITION_TIME, POSITION_SL, POSITION_TP, POSITION_VOLUME, TRADE_RETCODE_DONE, TRADE_RETCODE_DONE_PARTIAL, TRADE_RETCODE_REJECT,
       INIT_SUCCEEDED };

struct Rates { double open, high, low, close; };
static std::vector<Rates> history;      // the last one is the bar that forms
static bool hedging = true;
static double tick = 0.25, price_now = 0;
static int position_side = 0, number = 0, stops_level = 0, rejected = 0;
struct Position { ulong ticket; double open, volume, sl; };
static std::vector<Position> positions; // more than one on hedging accounts only
static size_t chosen = 0;
static ulong next_ticket = 7;
static long position_time = 0;
static const char *_Symbol = "ABC";
static double _Point = 0.25;
static int _Digits = 2;

static double all_held() { double total = 0; for(const Position &p : positions) total += p.volume; return total; }
static void deal(size_t k, double volume, double price)
  {
   std::printf("%d %zu %.10g %.10g\n", number, history.size() - 1, price, volume);
   positions[k].volume -= volume;
   if(positions[k].volume < 1e-9) positions.erase(positions.begin() + k);
   if(positions.empty()) position_side = 0;
  }
static void buy(double volume, double price, double sl)
  {
   std::printf("%d %zu %.10g %.10g\n", number, history.size() - 1, price, -volume);
   if(sl > 0 && position_side * (price - sl) <= stops_level * _Point) std::printf("error stop too near\n");
   if(hedging) { positions.push_back({next_ticket++, price, volume, sl}); return; }
   Position &p = positions[0];
   p.open = (p.open * p.volume + price * volume) / (p.volume + volume);
   p.volume += volume;
   p.sl = sl;
  }
static bool choose(ulong ticket)
  {
   for(size_t k = 0; k < positions.size(); k++) if(positions[k].ticket == ticket) { chosen = k; return true; }
   return false;
  }
inline double SymbolInfoDouble(const char *, int what) { return what == SYMBOL_TRADE_TICK_SIZE ? tick : what == SYMBOL_BID || what == SYMBOL_ASK ? price_now : 1.0; }
inline long   SymbolInfoInteger(const char *, int) { return stops_level; }
inline long   AccountInfoInteger(int) { return hedging ? ACCOUNT_MARGIN_MODE_RETAIL_HEDGING : -1; }
inline int    PositionsTotal() { return (int)positions.size(); }
inline ulong  PositionGetTicket(int k) { chosen = k; return positions[k].ticket; }
inline bool   PositionSelectByTicket(ulong ticket) { return choose(ticket); }
inline string PositionGetString(int) { return _Symbol; }
inline bool   operator!=(const string &a, const char *b) { return a.compare(b) != 0; }
inline long   PositionGetInteger(int what) { return what == POSITION_TIME ? position_time : what == POSITION_TYPE ? (position_side > 0 ? POSITION_TYPE_BUY : POSITION_TYPE_SELL) : 0; }
inline double PositionGetDouble(int what) { const Position &p = positions.at(chosen); return what == POSITION_PRICE_OPEN ? p.open : what == POSITION_SL ? p.sl : what == POSITION_VOLUME ? p.volume : 0; }
inline int    Bars(const char *, int) { return (int)history.size(); }
inline const Rates &at(int shift) { return history[history.size() - 1 - shift]; }
inline double iHigh(const char *, int, int k) { return at(k).high; }
inline double iLow(const char *, int, int k) { return at(k).low; }
inline double iClose(const char *, int, int k) { return at(k).close; }
inline datetime iTime(const char *, int, int k) { return (datetime)(history.size() - k); }
inline double MathFloor(double x) { return std::floor(x); }
inline double MathCeil(double x) { return std::ceil(x); }
inline double MathAbs(double x) { return std::fabs(x); }
template <class A, class B> double MathMax(A a, B b) { return std::max((double)a, (double)b); }
template <class A, class B> double MathMin(A a, B b) { return std::min((double)a, (double)b); }
inline double NormalizeDouble(double x, int digits) { double p = std::pow(10.0, digits); return std::round(x * p) / p; }
inline string IntegerToString(long n) { return std::to_string(n); }
template <class... T> void Print(T...) {}
inline void ExpertRemove() {}

// Requests of the trade class: as documented, true says only that the request was sent.
class CTrade
  {
   uint answer = TRADE_RETCODE_DONE;
   bool refuses() { answer = rejected > 0 ? TRADE_RETCODE_REJECT : TRADE_RETCODE_DONE; return rejected-- > 0; }
public:
   void SetExpertMagicNumber(ulong) {}
   void SetDeviationInPoints(ulong) {}
   uint ResultRetcode() { return answer; }
   string ResultRetcodeDescription() { return "answer"; }
   double ResultPrice() { return price_now; }
   double ResultVolume() { return 0; } // as some servers answer: the volume that was asked for counts
   bool PositionClose(ulong ticket, ulong) { if(!choose(ticket)) return false; if(!refuses()) deal(chosen, positions[chosen].volume, price_now); return true; }
   bool PositionClosePartial(ulong ticket, double volume, ulong)
     {
      if(!hedging || !choose(ticket)) return false;
      if(volume > positions[chosen].volume + 1e-9) std::printf("error more than is held\n");
      if(!refuses()) deal(chosen, std::min(volume, positions[chosen].volume), price_now);
      return true;
     }
   bool order(int way, double volume, double sl)
     {
      if(way == position_side) { if(!refuses()) buy(volume, price_now, sl); return true; }
      if(hedging || volume > all_held() + 1e-9) { std::printf("error opens a position\n"); return false; }
      if(!refuses()) deal(0, volume, price_now);
      return true;
     }
   bool Sell(double volume, const char *, double, double sl, double, string) { return order(-1, volume, sl); }
   bool Buy(double volume, const char *, double, double sl, double, string) { return order(1, volume, sl); }
   bool PositionModify(ulong ticket, double sl, double)
     {
      if(!choose(ticket)) return false;
      double &known = positions[chosen].sl;
      if(known > 0 && position_side * (sl - known) < 0) std::printf("error loosens the stop\n");
      if(position_side * (price_now - sl) <= stops_level * _Point) std::printf("error stop too near\n");
      known = sl;
      answer = TRADE_RETCODE_DONE;
      return true;
     }
  };
