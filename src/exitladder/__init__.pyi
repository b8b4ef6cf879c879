from exitladder.api.comparison import compare as compare
from exitladder.api.exchange import export as export
from exitladder.api.exchange import import_trades as import_trades
from exitladder.api.project import promote as promote
from exitladder.api.project import promotion_history as promotion_history
from exitladder.api.project import rollback as rollback
from exitladder.api.project import run as run
from exitladder.api.verbs import backtest as backtest
from exitladder.api.verbs import features_frame as features_frame
from exitladder.api.verbs import make_trades as make_trades
from exitladder.api.verbs import measure_exits as measure_exits
from exitladder.api.verbs import place_trades as place_trades
from exitladder.api.verbs import report as report
from exitladder.api.verbs import score as score
from exitladder.api.verbs import train as train
from exitladder.api.verbs import tune as tune
from exitladder.bars.reading import read_bars as read_bars
from exitladder.errors import ExitladderError as ExitladderError
from exitladder.execution import simulate as simulate
from exitladder.models.exhaustion.estimators import ExhaustionClassifier as ExhaustionClassifier
from exitladder.models.exhaustion.estimators import HoldValueRegressor as HoldValueRegressor
from exitladder.plans import Costs as Costs
from exitladder.plans import Ladder as Ladder
from exitladder.plans.file import ladder_from_mapping as ladder_from_mapping
from exitladder.plans.file import read_ladder as read_ladder
from exitladder.sample import load_sample_bars as load_sample_bars
from exitladder.settings import Settings as Settings
from exitladder.settings import load_settings as load_settings
from exitladder.trades.files import read_trades as read_trades

__version__: str
__all__: list[str]
_HOMES: dict[str, str]
