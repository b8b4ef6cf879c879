// The market: bars from stdin, each walked tick by tick from its open to the adverse extreme, the other, the close.
#include <iostream>

static void tick_at(double price)
  {
   price_now = price;
   Rates &bar = history.back();
   bar.high = std::max(bar.high, price);
   bar.low = std::min(bar.low, price);
   bar.close = price;
   for(size_t k = positions.size(); k-- > 0;)
      if(positions[k].sl > 0 && position_side * (price - positions[k].sl) <= 1e-9)
         deal(k, positions[k].volume, price);
   OnTick();
  }
static void walk(double from, double to)
  {
   double step = to > from ? tick : -tick;
   int n = (int)std::lround(std::fabs(to - from) / tick);
   for(int k = 1; k <= n; k++)
      tick_at(from + k * step);
  }
int main()
  {
   int n_bars, n_trades;
   int age; // bars of the positions when the expert first sees them
   std::cin >> n_bars >> n_trades >> hedging >> rejected >> tick >> age;
   _Point = tick;
   std::vector<Rates> all(n_bars);
   for(Rates &bar : all) std::cin >> bar.open >> bar.high >> bar.low >> bar.close;
   OnInit();
   for(number = 0; number < n_trades; number++)
     {
      int entry, way;
      double volume, stop;
      std::cin >> entry >> way >> volume >> stop;
      history.assign(all.begin(), all.begin() + entry);
      positions.clear();
      position_side = 0;
      OnTick();
      for(int t = entry; t < n_bars; t++)
        {
         double open = all[t].open;
         history.push_back({open, open, open, open});
         if(t == entry) { position_time = (long)history.size() - age; position_side = way; positions.push_back({next_ticket++, open, volume, stop}); }
         else if(positions.empty()) break;
         tick_at(open);
         double adverse = way > 0 ? all[t].low : all[t].high, other = way > 0 ? all[t].high : all[t].low;
         walk(open, adverse);
         walk(adverse, other);
         walk(other, all[t].close);
        }
     }
  }
