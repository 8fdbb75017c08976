"""The modules after pooling, Dense and Normalize, as sentence-transformers computes them."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from embeddings.backend import mx
from embeddings.errors import UnsupportedModel
from embeddings.folder import WEIGHTS_FILE, ModelFolder, account, typed
from embeddings.models.layers import gelu
from embeddings.pooling import normalize
from embeddings.recipe import Dense, Module
from embeddings.weights import read_weights

__all__ = ["ACTIVATIONS", "VECTOR", "AfterPooling", "read_dense"]

# The classes of torch that a Dense module may name. Each is used with its default arguments.
ACTIVATIONS: Mapping[str, Callable[[mx.array], mx.array]] = MappingProxyType(
    {
        "Identity": lambda x: x,
        "Tanh": mx.tanh,
        "ReLU": lambda x: mx.maximum(x, 0),
        "GELU": gelu,
        "SiLU": lambda x: x * mx.sigmoid(x),
        "Sigmoid": mx.sigmoid,
    }
)
# What a module reads and writes, since version 5.4: the pooled vector, and not the vectors of the tokens.
VECTOR = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}


def read_dense(folder: ModelFolder, path: str) -> Dense:
    """Read the configuration of the Dense module in the folder ``path`` of a model's folder.

    Raises:
        DamagedModel: the file or one of its keys is missing or malformed.
        UnsupportedModel: a key is unknown, or has a value that this file does not implement.

    """
    name = f"{path}/config.json"
    where, declared = folder.path / name, folder.mapping(name)
    account(
        where,
        declared,
        handled={"in_features", "out_features", "bias", "activation_function"},
        harmless=(),
        fixed={**VECTOR, "use_residual": False},
    )
    activation = typed(where, declared, "activation_function", str)
    library, _, kind = activation.rpartition(".")
    if kind not in ACTIVATIONS or not library.startswith("torch."):
        raise UnsupportedModel(
            where,
            f"activation_function must be one of torch's {', '.join(ACTIVATIONS)}, got {activation!r}",
            hint="use a model without it, or add it and a test",
        )
    return Dense(
        path,
        in_features=typed(where, declared, "in_features", int),
        out_features=typed(where, declared, "out_features", int),
        bias=typed(where, declared, "bias", bool),
        activation=kind,
    )


class AfterPooling:
    """The modules after pooling, ready to be applied.

    modules: in the order of the folder. weights: those of ``read``, without which no Dense module works.
    """

    def __init__(self, modules: Sequence[Module] = (), weights: Mapping[str, mx.array] | None = None) -> None:
        self.modules = modules
        self.weights = weights or {}

    @classmethod
    def read(cls, folder: ModelFolder, modules: Sequence[Module]) -> "AfterPooling":
        """Read the weights of all Dense modules as float32: "2_Dense.linear.weight" (O, I), its bias (O,).

        Raises:
            DamagedModel: a file is missing or cannot be read.
            WeightMismatch: a weight is missing, unexpected, or has another shape or type.

        """
        weights: dict[str, mx.array] = {}
        for module in modules:
            if isinstance(module, Dense):
                file = folder.file(f"{module.path}/{WEIGHTS_FILE}")
                found = read_weights([file], _shapes(module), frozenset())
                weights |= {f"{module.path}.{name}": weight for name, weight in found.items()}
        return cls(modules, weights)

    def dimension(self, pooled: int) -> int:
        """Return the length of a vector after all modules, from its length after pooling."""
        return next((one.out_features for one in reversed(self.modules) if isinstance(one, Dense)), pooled)

    def __call__(self, vectors: mx.array) -> mx.array:
        """Apply the modules in their order: (B, D) -> (B, D of the last one)."""
        for module in self.modules:
            vectors = self.dense(module, vectors) if isinstance(module, Dense) else normalize(vectors)
        return vectors

    def dense(self, module: Dense, vectors: mx.array) -> mx.array:
        """Apply one Dense module: an affine map, then the activation, (B, I) -> (B, O)."""
        moved = vectors @ self.weights[f"{module.path}.linear.weight"].T
        if module.bias:
            moved = moved + self.weights[f"{module.path}.linear.bias"]
        return ACTIVATIONS[module.activation](moved)


def _shapes(module: Dense) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"linear.weight": (module.out_features, module.in_features)}
    return {**shapes, "linear.bias": (module.out_features,)} if module.bias else shapes
