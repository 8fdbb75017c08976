"""The modules after pooling, Dense and Normalize, as sentence-transformers computes them."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from embeddings.backend import mx
from embeddings.errors import UnsupportedModel
from embeddings.folder import WEIGHTS_FILE, ModelFolder, account, typed
from embeddings.models.layers import gelu
from embeddings.models.quantization import Packing, Quantization
from embeddings.models.quantized import packed_linear, packed_shapes
from embeddings.pooling import normalize
from embeddings.recipe import Dense, Module
from embeddings.weights import read_weights, stored_names, weight_files

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
    packings: layer among the weights -> how its matrix is packed.
    """

    def __init__(
        self,
        modules: Sequence[Module] = (),
        weights: Mapping[str, mx.array] | None = None,
        packings: Mapping[str, Packing] | None = None,
    ) -> None:
        self.modules = modules
        self.weights = dict(weights or {})
        self.packings = dict(packings or {})
        self.layers = _layers(modules, self.weights)

    @classmethod
    def read(
        cls,
        folder: ModelFolder,
        modules: Sequence[Module],
        quantization: Quantization | None = None,
        precision: mx.Dtype = mx.float32,
    ) -> "AfterPooling":
        """Read the weights of all Dense modules: "2_Dense.linear.weight" (O, I), its bias (O,), in float32.

        Conversions by mlx-embeddings have them among the weights of the model, as "dense.0.weight", perhaps
        packed. There they get the model's precision.

        Raises:
            DamagedModel: a file is missing or cannot be read.
            WeightMismatch: a weight is missing, unexpected, or has another shape or type.

        """
        after = cls(modules)
        for number, module in enumerate(one for one in modules if isinstance(one, Dense)):
            within, file = f"dense.{number}", folder.path / module.path / WEIGHTS_FILE
            if file.exists() or f"{within}.weight" not in stored_names(weight_files(folder)):
                after.weights |= _of_its_folder(folder, module)
            else:
                packing = quantization and quantization.of(within, packed=True)
                after.packings |= {within: packing} if packing else {}
                after.weights |= _of_the_model(folder, _shapes(module, within), after.packings, precision)
        after.layers = _layers(modules, after.weights)
        return after

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
        layer = self.layers[module.path]
        weight, bias = self.weights[f"{layer}.weight"], self.weights.get(f"{layer}.bias")
        if packing := self.packings.get(layer):
            scales, offsets = self.weights[f"{layer}.scales"], self.weights.get(f"{layer}.biases")
            moved = packed_linear(vectors, weight, scales, offsets, packing)
        else:
            moved = vectors @ weight.T
        return ACTIVATIONS[module.activation](moved if bias is None else moved + bias)


def _of_its_folder(folder: ModelFolder, module: Dense) -> dict[str, mx.array]:
    file = folder.file(f"{module.path}/{WEIGHTS_FILE}")
    found = read_weights([file], _shapes(module, "linear"), frozenset())
    return {f"{module.path}.{name}": weight for name, weight in found.items()}


def _of_the_model(
    folder: ModelFolder,
    shapes: dict[str, tuple[int, ...]],
    packings: Mapping[str, Packing],
    precision: mx.Dtype,
) -> dict[str, mx.array]:
    files = weight_files(folder)
    own = {layer: packing for layer, packing in packings.items() if f"{layer}.weight" in shapes}
    shapes, packed = packed_shapes(shapes, own)
    others = frozenset(stored_names(files) - shapes.keys())
    return read_weights(files, shapes, others, packed=packed, precision=precision)


def _layers(modules: Sequence[Module], weights: Mapping[str, mx.array]) -> dict[str, str]:
    """Return the path of each Dense module -> the name of its layer among the weights."""
    paths = [module.path for module in modules if isinstance(module, Dense)]
    return {
        path: f"dense.{number}" if f"dense.{number}.weight" in weights else f"{path}.linear"
        for number, path in enumerate(paths)
    }


def _shapes(module: Dense, layer: str) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {f"{layer}.weight": (module.out_features, module.in_features)}
    return {**shapes, f"{layer}.bias": (module.out_features,)} if module.bias else shapes
