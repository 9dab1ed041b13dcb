from kinetoscope.clips.catalog import Catalog as Catalog
from kinetoscope.clips.clip import Clip as Clip
from kinetoscope.clips.clip import ClipBatch as ClipBatch
from kinetoscope.clips.spec import ClipSpec as ClipSpec
from kinetoscope.errors import KinetoscopeError as KinetoscopeError
from kinetoscope.networks.network import Classification as Classification
from kinetoscope.networks.network import Network as Network
from kinetoscope.units.unit import Unit as Unit
from kinetoscope.video.video import Video as Video

__version__: str
