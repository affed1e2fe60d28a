"""Every setting of ``train fusion``."""

from dataclasses import dataclass, field

from ...fusion import FusionConfig
from .shape_structure import StructureConfig


@dataclass(frozen=True)
class FusionTraining:
    """Weights of terms in mm² units; defaults found with ``evaluate fusion``.

    sparsity λ_s; locality: of the group lasso that keeps blendshapes local; laplacian λ_L; velocity, primary: weights
    of their terms; contact: how much more a frame with closed lips counts; image_noise: mm, so that the encoders bear
    inputs that no corpus holds; lip_weight, eye_weight: of those vertices in every error; headroom: how much farther
    than the corpus weights of -1 … 1 reach, for livelier speakers and emotions; lids, folds: mend them at
    the end (:mod:`lid_shapes`, :mod:`fold_shapes`); geometry_mapping: off for the ablation (vertices fill the image in
    file order).
    """

    network: FusionConfig = field(default_factory=FusionConfig)
    structure: StructureConfig = field(default_factory=StructureConfig)
    steps: int = 400
    batch: int = 96
    learning_rate: float = 1e-3
    shape_rate: float = 3e-3
    sparsity: float = 10.0
    locality: float = 0.002
    laplacian: float = 30.0
    velocity: float = 2.0
    primary: float = 4.0
    contact: float = 4.0
    image_noise: float = 0.02
    lip_weight: float = 8.0
    eye_weight: float = 3.0
    headroom: float = 1.15
    lids: bool = True
    folds: bool = True
    geometry_mapping: bool = True
    seed: int = 0
