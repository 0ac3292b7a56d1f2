"""Many independent pieces of work: over processes of this machine, or over a Dask cluster."""

from dynapdeploy.scale.piece import Piece
from dynapdeploy.scale.run import run_pieces

__all__ = ["Piece", "run_pieces"]
