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
//<adds>
//--- What the adds changed: the quantity and the average of all entries, and the tickets of hedging accounts.
double add_level[ADDS], sold_lots[SIZE];
bool   add_gone[ADDS], add_due[ADDS], sold_of[SIZE];
double first_volume = 0, entered = 0, average = 0, average_before = 0, rise = 0, fall = 0, stop_next = 0;
bool   is_reduced = false, reduced_next = false;
int    made = 0, n_tickets = 0;
ulong  tickets[ADDS + 1];
//</adds>

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
//<adds>
//--- The price of a purchase: up for a long, down for a short.
double UpTick(double price)
  {
   double tick = SymbolInfoDouble(_Symbol, SYMBOL_TRADE_TICK_SIZE);
   if(tick <= 0)
      tick = _Point;
   double count = side > 0 ? MathCeil(price / tick - 1e-6) : MathFloor(price / tick + 1e-6);
   return NormalizeDouble(count * tick, _Digits);
  }
//</adds>
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
//<plain>
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
//</plain>
//<adds>
//--- On hedging accounts each add is a position of its own: all of them, the oldest first.
bool FindPosition()
  {
   n_tickets = 0;
   for(int k = 0; k < PositionsTotal() && n_tickets <= ADDS; k++)
     {
      ulong ticket = PositionGetTicket(k);
      if(ticket == 0 || PositionGetString(POSITION_SYMBOL) != _Symbol)
         continue;
      if(IsHedging() && MagicNumber != 0 && PositionGetInteger(POSITION_MAGIC) != MagicNumber)
         continue;
      if(has_position && side != (PositionGetInteger(POSITION_TYPE) == POSITION_TYPE_BUY ? 1 : -1))
         continue;
      tickets[n_tickets] = ticket;
      n_tickets++;
     }
   if(n_tickets == 0)
      return false;
   ticket_of_position = tickets[0];
   return PositionSelectByTicket(ticket_of_position);
  }
double Volume()
  {
   double total = 0;
   for(int k = 0; k < n_tickets; k++)
      if(PositionSelectByTicket(tickets[k]))
         total += PositionGetDouble(POSITION_VOLUME);
   PositionSelectByTicket(ticket_of_position);
   return total;
  }
//</adds>
//--- The start of the ladder: prices, quantities (S1, X9).
bool Begin()
  {
//<adds>
   if(n_tickets > 1)
     {
      Print("exitladder: a plan with adds begins with one position, but there are several. Set a MagicNumber of its own.");
      return false;
     }
//</adds>
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
//<adds>
      sold_of[n] = false;
      sold_lots[n] = 0;
//</adds>
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
//<adds>
   BeginAdds(bought);
//</adds>
   has_position = true;
   return true;
  }
//<adds>
//--- Adds that are measured from the entry; one that can never fill is gone, one of a chain waits for the fill before it.
void BeginAdds(double bought)
  {
   first_volume = entered = bought;
   average = average_before = entry_price;
   rise = fall = stop_next = 0;
   made = 0;
   is_reduced = reduced_next = false;
   //--- What was added to a position before the expert saw it is unknown: nothing is bought twice.
   bool is_known = PositionGetInteger(POSITION_TIME) >= iTime(_Symbol, PERIOD_CURRENT, 1);
   if(!is_known)
      Print("exitladder: the position is older than the bar before; nothing is added to it.");
   for(int k = 0; k < ADDS; k++)
     {
      add_level[k] = 0;
      add_gone[k] = !is_known;
      add_due[k] = false;
      if(ADD_UNIT[k] == 0 || !is_known)
         continue;
      if(k > 0 && ADD_PREVIOUS[k])
         add_gone[k] = add_gone[k - 1];
      else
         PlaceAdd(k, entry_price);
     }
  }
void PlaceAdd(int k, double from)
  {
   double away = Distance(ADD_AT[k], ADD_UNIT[k], from, entry_atr);
   add_level[k] = away == EMPTY_VALUE ? 0 : UpTick(from + side * away);
   if(add_level[k] <= 0 || (ADD_AT[k] < 0 && !ADD_PREVIOUS[k] && Signed(add_level[k]) <= Signed(entry_price) - risk))
      add_gone[k] = true;
  }
//--- What the adds of the closed bar change from now on: extremes, stop, sizes of the rungs (PL4, PL6).
void CloseAdds(double high, double low)
  {
   rise = MathMax(rise, side * ((side > 0 ? high : low) - average_before));
   fall = MathMin(fall, side * ((side > 0 ? low : high) - average_before));
   is_reduced = is_reduced || reduced_next;
   if(stop_next > 0 && Signed(stop_next) > Signed(stop_at_entry))
      stop_at_entry = stop_next;
   stop_next = 0;
   average_before = average;
   double passed_on = 0;
   for(int n = 0; n < RUNGS; n++)
     {
      if(IS_REST[n] || (TARGET_UNIT[n] != 0 && target_of[n] <= 0))
         continue;
      double wanted = FRACTION[n] * entered + passed_on, volume = ToVolume(wanted);
      bool is_small = volume <= 0 || volume < Least() * (1 - 1e-9);
      passed_on = is_small ? wanted : 0;
      if(sold_of[n])
         continue;
      lots_of[n] = is_small ? 0 : volume - sold_lots[n];
      done_of[n] = lots_of[n] <= 0;
     }
  }
bool MayAdd()
  {
   return !is_leaving && (AFTER_EXIT || !is_reduced) && (UNTIL_BARS == 0 || held < UNTIL_BARS);
  }
//</adds>
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
//<adds>
   CloseAdds(high, low);
//</adds>
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
   double mae_r = side * (worst - entry_price) / risk;
//<adds>
   if(made > 0)
     {
      open_r = side * (close - average) / risk;
      mfe_r = rise / risk;
      mae_r = fall / risk;
     }
//</adds>
   double give_back_r = mfe_r - open_r;
   double stop_distance_r = side * (close - StopNow()) / risk, slack = 1e-10 * entry_price / risk;
   double bars_held = held;
//<adds>
   if(MayAdd())
     {
@ADD_CONDITIONS@
     }
//</adds>
@CONDITIONS@
   if(TIME_BARS > 0 && held >= TIME_BARS)
      is_leaving = true;
   if(MustLeave())
      is_leaving = true;
  }
//+------------------------------------------------------------------+
//| Orders                                                           |
//+------------------------------------------------------------------+
//<plain>
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
//--- Whether a rung has been sold.
bool SellRung(int n)
  {
   if(!Reduce(lots_of[n], n + 1))
      return false;
   Filled(n);
   return true;
  }
bool CloseAll()
  {
   return trade.PositionClose(ticket_of_position, Deviation) && IsDone();
  }
//</plain>
//<adds>
bool CloseAll()
  {
   bool all = true;
   for(int k = 0; k < n_tickets; k++)
      if(PositionSelectByTicket(tickets[k]) && !(trade.PositionClose(tickets[k], Deviation) && IsDone()))
         all = false;
   return all;
  }
//--- The volume that was sold, of the oldest position first. PositionClosePartial refuses netting accounts.
double Reduce(double volume, int number)
  {
   double left = Volume(), sold = 0;
   if(volume >= left - 1e-9 || left - volume < Least() * (1 - 1e-9))
      return CloseAll() ? volume : 0;
   if(!IsHedging())
     {
      bool sent = side > 0 ? trade.Sell(volume, _Symbol, 0, 0, 0, "rung " + IntegerToString(number))
                           : trade.Buy(volume, _Symbol, 0, 0, 0, "rung " + IntegerToString(number));
      return sent && IsDone() ? volume : 0;
     }
   for(int k = 0; k < n_tickets && sold < volume - 1e-9; k++)
     {
      if(!PositionSelectByTicket(tickets[k]))
         continue;
      double of = PositionGetDouble(POSITION_VOLUME), part = MathMin(of, volume - sold);
      bool sent = part >= of - 1e-9 ? trade.PositionClose(tickets[k], Deviation)
                                    : trade.PositionClosePartial(tickets[k], part, Deviation);
      if(!sent || !IsDone())
         break;
      sold += part;
     }
   return sold;
  }
//--- Whether a rung has been sold; what a rejected request leaves of it is sold on a later tick.
bool SellRung(int n)
  {
   double sold = Reduce(lots_of[n], n + 1);
   if(sold < lots_of[n] - 1e-9)
     {
      lots_of[n] -= sold;
      sold_lots[n] += sold;
      reduced_next = reduced_next || sold > 0;
      return false;
     }
   Filled(n);
   return true;
  }
//</adds>
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
//<adds>
   sold_of[n] = reduced_next = true;
//</adds>
   if(BREAKEVEN_AFTER == n + 1)
      even_next = true;
   if(TRAIL_AFTER == n + 1)
      armed_next = true;
  }
//--- Rungs whose price is there, the nearest first, and those that are due; nothing is sold twice.
void SellRungs(double price)
  {
   for(int n = 0; n < RUNGS; n++)
      if(!done_of[n] && due_of[n])
         SellRung(n);
   while(true)
     {
      int next = -1;
      for(int n = 0; n < RUNGS; n++)
         if(!done_of[n] && target_of[n] > 0 && Reached(n, price)
            && (next < 0 || Signed(target_of[n]) < Signed(target_of[next])))
            next = n;
      if(next < 0 || !FindPosition() || !SellRung(next))
         return;
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
//<adds>
   for(int k = 0; k < n_tickets; k++)
      if(PositionSelectByTicket(tickets[k]))
         MoveStopOf(tickets[k], price);
   PositionSelectByTicket(ticket_of_position);
  }
void MoveStopOf(ulong ticket, double price)
  {
//</adds>
//<plain>
   ulong ticket = ticket_of_position;
//</plain>
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
   if(trade.PositionModify(ticket, level, PositionGetDouble(POSITION_TP)))
      IsDone();
  }
//<adds>
//+------------------------------------------------------------------+
//| Adds                                                             |
//+------------------------------------------------------------------+
//--- An add below the entry is reached from above, one beyond it from below; at or beyond the stop nothing is bought.
bool IsAddReached(int k, double price)
  {
   if(add_level[k] <= 0 || Signed(add_level[k]) <= Signed(StopNow()))
      return false;
   if(ADD_AT[k] > 0)
      return Signed(price) >= Signed(add_level[k]) - 1e-9 * price;
   return Signed(price) <= Signed(add_level[k]) + 1e-9 * price;
  }
//--- Limits first, then stops, each the nearest first, then what is due.
bool ComesBefore(int k, int other)
  {
   if(add_due[k] != add_due[other])
      return add_due[other];
   if(ADD_AT[k] * ADD_AT[other] < 0)
      return ADD_AT[k] < 0;
   return !add_due[k] && (ADD_AT[k] > 0 ? 1 : -1) * (Signed(add_level[k]) - Signed(add_level[other])) < 0;
  }
//--- The volume of an add at a price, within the maximum size.
double VolumeOf(int k, double price)
  {
   double size = SymbolInfoDouble(_Symbol, SYMBOL_TRADE_CONTRACT_SIZE), most = EMPTY_VALUE;
   double wanted = ADD_MONEY[k] > 0 ? ToVolume(ADD_MONEY[k] / (price * size)) : ToVolume(ADD_QUANTITY[k] * first_volume + ADD_UNITS[k]);
   if(MAX_QUANTITY > 0)
      most = ToVolume(MAX_QUANTITY * first_volume);
   else if(MAX_UNITS > 0)
      most = ToVolume(MAX_UNITS);
   else if(MAX_MONEY > 0)
      most = ToVolume(MAX_MONEY / (MathMax(price, average) * size));
   double volume = most == EMPTY_VALUE ? wanted : MathMin(wanted, ToVolume(most - Volume()));
   return volume < Least() * (1 - 1e-9) ? 0 : volume;
  }
//--- Adds whose price is there, and those that are due; each is bought once.
void BuyAdds()
  {
   while(MayAdd() && FindPosition())
     {
      double price = SymbolInfoDouble(_Symbol, side > 0 ? SYMBOL_ASK : SYMBOL_BID);
      int next = -1;
      for(int k = 0; k < ADDS; k++)
         if(!add_gone[k] && (add_due[k] || IsAddReached(k, price)) && (next < 0 || ComesBefore(k, next)))
            next = k;
      if(next < 0)
         return;
      double volume = VolumeOf(next, price), stop = PositionGetDouble(POSITION_SL);
      if(volume > 0)
        {
         string name = "add " + IntegerToString(next + 1);
         bool sent = side > 0 ? trade.Buy(volume, _Symbol, 0, stop, 0, name) : trade.Sell(volume, _Symbol, 0, stop, 0, name);
         if(!sent || !IsDone())
            return;                 // the next tick tries again
         double paid = trade.ResultPrice(), got = trade.ResultVolume();
         Bought(next, got > 0 ? got : volume, paid > 0 ? paid : price);
        }
      add_gone[next] = true;        // without volume it is dropped, and its chain ends
      add_due[next] = false;
     }
  }
void Bought(int k, double volume, double paid)
  {
   average = (entered * average + volume * paid) / (entered + volume);
   entered += volume;
   made++;
   double away = ADD_STOP_UNIT[k] == 6 ? 0 : Distance(ADD_STOP[k], ADD_STOP_UNIT[k], paid, entry_atr);
   if(ADD_STOP_UNIT[k] != 0 && away != EMPTY_VALUE)
     {
      double level = ToTick(ADD_STOP_UNIT[k] == 6 ? average : paid - side * away);
      if(stop_next == 0 || Signed(level) > Signed(stop_next))
         stop_next = level;
     }
   if(k + 1 < ADDS && ADD_PREVIOUS[k + 1] && !add_gone[k + 1])
      PlaceAdd(k + 1, paid);
  }
//</adds>
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
      CloseAll();
      return;
     }
   SellRungs(price);
//<adds>
   BuyAdds();
//</adds>
  }
//+------------------------------------------------------------------+
