#property version "1.00"
#include <Trade/Trade.mqh>

@INPUTS@

#define RUNGS @RUNGS@
#define SIZE  (RUNGS + 1)   // the runner is the last part

CTrade trade;

//--- The ladder. Distances are pairs of a number and a unit: 0 none, 1 R, 2 ATR, 3 percent, 4 price, 5 swing.
@TABLES@

//--- The position.
bool   has_position = false;
int    side = 0;
double entry_price = 0, risk = 0, stop_at_entry = 0, entry_atr = 0, best = 0, worst = 0, trail_line = 0;
bool   is_even = false, is_armed = false, even_next = false, armed_next = false, is_leaving = false;
int    held = 0;
double lots_of[SIZE], target_of[SIZE];
bool   done_of[SIZE];
bool   due_of[SIZE];
datetime last_bar = 0;
ulong  ticket_of_position = 0;

@HOOKS@

//+------------------------------------------------------------------+
double Signed(double price)            { return side * price; }
double Step()                          { double s = SymbolInfoDouble(_Symbol, SYMBOL_VOLUME_STEP); return s > 0 ? s : 0.01; }
double Least()                         { return SymbolInfoDouble(_Symbol, SYMBOL_VOLUME_MIN); }
bool   IsHedging()
  {
   return AccountInfoInteger(ACCOUNT_MARGIN_MODE) == ACCOUNT_MARGIN_MODE_RETAIL_HEDGING;
  }
//--- Volumes round down to the step; 0.29999999 lots are 0.3.
double ToVolume(double volume)
  {
   return NormalizeDouble(MathFloor(volume / Step() + 1e-9) * Step(), 8);
  }
//--- Prices round to the tick against the trader.
double ToTick(double price)
  {
   double tick = SymbolInfoDouble(_Symbol, SYMBOL_TRADE_TICK_SIZE);
   if(tick <= 0)
      tick = _Point;
   double count = side > 0 ? MathFloor(price / tick + 1e-6) : MathCeil(price / tick - 1e-6);
   return NormalizeDouble(count * tick, _Digits);
  }
//--- A distance in price; EMPTY_VALUE if it cannot be known.
double Distance(double value, int unit, double price, double atr)
  {
   if(unit == 1) return value * risk;
   if(unit == 2) return atr > 0 ? value * atr : EMPTY_VALUE;
   if(unit == 3) return MathAbs(price) * value / 100.0;
   return EMPTY_VALUE;
  }
//--- Wilder's ATR of the closed bar `shift`, over all bars that the terminal has.
double AtrAt(int shift)
  {
   int bars = Bars(_Symbol, PERIOD_CURRENT);
   int first = bars - 2;            // the oldest bar with a close before it
   if(first - shift + 1 < ATR_WINDOW)
      return 0;
   double value = 0;
   int    n = 0;
   for(int k = first; k >= shift; k--)
     {
      double before = iClose(_Symbol, PERIOD_CURRENT, k + 1);
      double range = MathMax(iHigh(_Symbol, PERIOD_CURRENT, k), before) - MathMin(iLow(_Symbol, PERIOD_CURRENT, k), before);
      n++;
      if(n <= ATR_WINDOW)
        {
         value += range;
         if(n == ATR_WINDOW)
            value /= ATR_WINDOW;
        }
      else
         value = (value * (ATR_WINDOW - 1) + range) / ATR_WINDOW;
     }
   return value;
  }
//+------------------------------------------------------------------+
//| The position of this symbol and magic number                     |
//+------------------------------------------------------------------+
bool FindPosition()
  {
   for(int k = PositionsTotal() - 1; k >= 0; k--)
     {
      ulong ticket = PositionGetTicket(k);
      if(ticket == 0 || PositionGetString(POSITION_SYMBOL) != _Symbol)
         continue;
      if(IsHedging() && MagicNumber != 0 && PositionGetInteger(POSITION_MAGIC) != MagicNumber)
         continue;
      ticket_of_position = ticket;
      return true;
     }
   return false;
  }
//--- The start of the ladder: prices, quantities (S1, X9).
bool Begin()
  {
   side = PositionGetInteger(POSITION_TYPE) == POSITION_TYPE_BUY ? 1 : -1;
   entry_price = PositionGetDouble(POSITION_PRICE_OPEN);
   entry_atr = AtrAt(1);
   double initial = PositionGetDouble(POSITION_SL);
   if(initial <= 0)
      initial = InitialStop();
   if(initial <= 0)
     {
      Print("exitladder: the position has no stop, and the ladder gives none. Set a stop loss.");
      return false;
     }
   risk = side * (entry_price - initial);
   if(risk <= 0)
     {
      Print("exitladder: the stop is not beyond the entry.");
      return false;
     }
   stop_at_entry = ToTick(initial);
   best = worst = entry_price;
   trail_line = 0;
   is_even = even_next = armed_next = is_leaving = false;
   is_armed = TRAIL_UNIT != 0 && TRAIL_AFTER == 0 && TRAIL_FROM <= 0;
   held = 0;
   double bought = PositionGetDouble(POSITION_VOLUME), used = 0, passed_on = 0;
   for(int n = 0; n < SIZE; n++)
     {
      lots_of[n] = 0;
      target_of[n] = 0;
      done_of[n] = due_of[n] = false;
     }
   for(int n = 0; n < RUNGS; n++)
     {
      if(TARGET_UNIT[n] == 4)
         target_of[n] = ToTick(TARGET[n]);
      else if(TARGET_UNIT[n] == 5)
         target_of[n] = ToTick(LevelPrice(n + 1, side, entry_price));
      else if(TARGET_UNIT[n] != 0)
        {
         double away = Distance(TARGET[n], TARGET_UNIT[n], entry_price, entry_atr);
         target_of[n] = away == EMPTY_VALUE ? 0 : ToTick(entry_price + side * away);
        }
      if(IS_REST[n])
         continue;
      if(TARGET_UNIT[n] != 0 && target_of[n] <= 0)
        {
         done_of[n] = true;         // it cannot be resolved: its quantity stays with the runner
         continue;
        }
      double wanted = FRACTION[n] * bought + passed_on;
      double volume = MathMin(ToVolume(wanted), bought - used);
      if(volume <= 0 || volume < Least() * (1 - 1e-9))
        {
         passed_on = wanted;
         done_of[n] = true;
         continue;
        }
      passed_on = 0;
      lots_of[n] = volume;
      used += volume;
     }
   has_position = true;
   return true;
  }
//--- The stop in force.
double StopNow()
  {
   double level = stop_at_entry;
   if(is_even)
     {
      double away = Distance(OFFSET, OFFSET_UNIT, entry_price, entry_atr);
      double even = away == EMPTY_VALUE ? 0 : ToTick(entry_price + side * away);
      if(even > 0 && Signed(even) > Signed(level))
         level = even;
     }
   if(is_armed && trail_line > 0 && Signed(trail_line) > Signed(level))
      level = trail_line;
   return level;
  }
//--- A bar has closed: what it moves is in force from now on (X4, X5).
void CloseBar()
  {
   double high = iHigh(_Symbol, PERIOD_CURRENT, 1), low = iLow(_Symbol, PERIOD_CURRENT, 1);
   double close = iClose(_Symbol, PERIOD_CURRENT, 1);
   best = side > 0 ? MathMax(best, high) : MathMin(best, low);
   worst = side > 0 ? MathMin(worst, low) : MathMax(worst, high);
   is_even = is_even || even_next;
   is_armed = is_armed || armed_next;
   if(TRAIL_FROM > 0 && Signed(best) >= Signed(entry_price) + TRAIL_FROM * risk - 1e-10 * entry_price)
      is_armed = true;
   if(TRAIL_UNIT != 0)
     {
      double away = Distance(TRAIL, TRAIL_UNIT, best, AtrAt(1));
      if(away != EMPTY_VALUE)
        {
         double level = ToTick(best - side * away);
         if(trail_line == 0 || Signed(level) > Signed(trail_line))
            trail_line = level;
        }
     }
   held++;
   double open_r = side * (close - entry_price) / risk, mfe_r = side * (best - entry_price) / risk;
   double mae_r = side * (worst - entry_price) / risk, give_back_r = mfe_r - open_r;
   double stop_distance_r = side * (close - StopNow()) / risk, slack = 1e-10 * entry_price / risk;
   double bars_held = held;
@CONDITIONS@
   if(TIME_BARS > 0 && held >= TIME_BARS)
      is_leaving = true;
   if(MustLeave())
      is_leaving = true;
  }
//+------------------------------------------------------------------+
//| Orders                                                           |
//+------------------------------------------------------------------+
//--- PositionClosePartial refuses netting accounts; there an opposite deal reduces the position.
bool Reduce(double volume, int number)
  {
   PositionSelectByTicket(ticket_of_position);
   double left = PositionGetDouble(POSITION_VOLUME);
   if(volume >= left - 1e-9 || left - volume < Least() * (1 - 1e-9))
      return trade.PositionClose(ticket_of_position, Deviation) && IsDone();
   if(IsHedging())
      return trade.PositionClosePartial(ticket_of_position, volume, Deviation) && IsDone();
   bool sent = side > 0 ? trade.Sell(volume, _Symbol, 0, 0, 0, "rung " + IntegerToString(number))
                        : trade.Buy(volume, _Symbol, 0, 0, 0, "rung " + IntegerToString(number));
   return sent && IsDone();
  }
//--- True only means that the request was sent: the server's answer counts.
bool IsDone()
  {
   uint code = trade.ResultRetcode();
   if(code == TRADE_RETCODE_DONE || code == TRADE_RETCODE_DONE_PARTIAL)
      return true;
   Print("exitladder: the server answered ", code, ": ", trade.ResultRetcodeDescription());
   return false;
  }
void Filled(int n)
  {
   done_of[n] = true;
   due_of[n] = false;
   if(BREAKEVEN_AFTER == n + 1)
      even_next = true;
   if(TRAIL_AFTER == n + 1)
      armed_next = true;
  }
//--- Rungs whose price is there, the nearest first, and those that are due; nothing is sold twice.
void SellRungs(double price)
  {
   for(int n = 0; n < RUNGS; n++)
      if(!done_of[n] && due_of[n] && Reduce(lots_of[n], n + 1))
         Filled(n);
   while(true)
     {
      int next = -1;
      for(int n = 0; n < RUNGS; n++)
         if(!done_of[n] && target_of[n] > 0 && Reached(n, price)
            && (next < 0 || Signed(target_of[n]) < Signed(target_of[next])))
            next = n;
      if(next < 0 || !FindPosition() || !Reduce(lots_of[next], next + 1))
         return;
      Filled(next);
     }
  }
//--- A target above the entry is reached from below, a partial stop-out from above.
bool Reached(int n, double price)
  {
   if(Signed(target_of[n]) > Signed(entry_price))
      return Signed(price) >= Signed(target_of[n]) - 1e-9 * price;
   return Signed(price) <= Signed(target_of[n]) + 1e-9 * price;
  }
//--- The stop of the whole position on the server: it covers what is left by itself, and only tightens.
void MoveStop(double price)
  {
   double level = StopNow(), known = PositionGetDouble(POSITION_SL);
   if(known > 0 && Signed(level) <= Signed(known) + _Point / 2)
      return;
   double distance = MathMax(SymbolInfoInteger(_Symbol, SYMBOL_TRADE_STOPS_LEVEL),
                             SymbolInfoInteger(_Symbol, SYMBOL_TRADE_FREEZE_LEVEL)) * _Point;
   if(Signed(price) - Signed(level) <= distance)
     {
      if(Signed(price) <= Signed(level))
         is_leaving = true;         // the price is beyond the stop: out at the market
      return;                       // too near to the market: the next tick tries again
     }
   if(trade.PositionModify(ticket_of_position, level, PositionGetDouble(POSITION_TP)))
      IsDone();
  }
//+------------------------------------------------------------------+
int OnInit()
  {
   trade.SetExpertMagicNumber(MagicNumber);
   trade.SetDeviationInPoints(Deviation);
   return INIT_SUCCEEDED;
  }
//+------------------------------------------------------------------+
void OnTick()
  {
   if(!FindPosition())
     {
      has_position = false;
      last_bar = iTime(_Symbol, PERIOD_CURRENT, 0);
      return;
     }
   datetime bar = iTime(_Symbol, PERIOD_CURRENT, 0);
   double price = SymbolInfoDouble(_Symbol, PositionGetInteger(POSITION_TYPE) == POSITION_TYPE_BUY ? SYMBOL_BID : SYMBOL_ASK);
   if(!has_position)
     {
      if(!Begin())
         return;
      last_bar = bar;
     }
   else if(bar != last_bar)
     {
      CloseBar();
      last_bar = bar;
     }
   MoveStop(price);
   if(is_leaving)
     {
      for(int n = 0; n < RUNGS; n++)
         due_of[n] = false;
      if(trade.PositionClose(ticket_of_position, Deviation))
         IsDone();
      return;
     }
   SellRungs(price);
  }
//+------------------------------------------------------------------+
