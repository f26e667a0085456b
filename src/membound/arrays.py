"""Names for array types, so that a signature says what a caller must bring."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Float32 = NDArray[np.float32]
Complex64 = NDArray[np.complex64]
Bool = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
TokenIds = NDArray[np.integer[Any]] | list[int]
