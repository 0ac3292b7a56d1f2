"""Many independent pieces of work: over processes of this machine, or over a Dask cluster."""

from dynapdeploy.scale.folder import planned_folder
from dynapdeploy.scale.piece import Piece
from dynapdeploy.scale.run import run_pieces

__all__ = ["Piece", "planned_folder", "run_pieces"]
