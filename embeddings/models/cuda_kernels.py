"""Kernels for CUDA that do in one pass what takes MLX several: ``models/fused_qwen3.py`` uses them.

MLX's RMS norm of rows of 128 numbers and its rotary embedding take a quarter of the time of a batch of
Qwen3-Embedding-0.6B on an H100. Each launch of a kernel delays a short text. All arithmetic is in float32.
"""

from functools import cache
from typing import Any

from embeddings.backend import mx

__all__ = ["HEAD", "add_norm", "heads", "swiglu"]

HEAD = 128  # numbers of a head: a warp of 32 threads holds it, four numbers each
_THREADS = 256

_HEADER = """
template <typename T, int N> struct alignas(N * sizeof(T)) Row { T at[N]; };
"""

# One warp for each head of a query or key. A thread holds the numbers 2l, 2l + 1, 2l + 64 and 2l + 65: rotary
# embedding turns number i together with number i + 64.
_HEADS = """
  auto thread = cooperative_groups::this_grid().thread_rank();
  int lane = thread % 32;
  int head = (thread / 32) % (QUERIES + KEYS);
  long token = thread / 32 / (QUERIES + KEYS);
  bool query = head < QUERIES;
  const T* row = qkv + (token * (QUERIES + 2 * KEYS) + head) * 128 + 2 * lane;
  const T* weight = (query ? query_weight : key_weight) + 2 * lane;
  const float* angle = angles + (token % angles_shape[0]) * 128 + 2 * lane;
  auto low = *(const Row<T, 2>*)row, high = *(const Row<T, 2>*)(row + 64);
  float sum = 0;
  for (int i = 0; i < 2; i++) {
    sum += (float)low.at[i] * (float)low.at[i] + (float)high.at[i] * (float)high.at[i];
  }
  for (int other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(0xffffffff, sum, other);
  float scale = rsqrtf(sum / 128 + eps[0]);
  Row<T, 2> first, second;
  for (int i = 0; i < 2; i++) {
    float x = (float)low.at[i] * scale * (float)weight[i];
    float y = (float)high.at[i] * scale * (float)weight[i + 64];
    first.at[i] = (T)(x * angle[i] - y * angle[i + 64]);
    second.at[i] = (T)(x * angle[i + 64] + y * angle[i]);
  }
  T* out = query ? queries + (token * QUERIES + head) * 128 : keys + (token * KEYS + head - QUERIES) * 128;
  *(Row<T, 2>*)(out + 2 * lane) = first;
  *(Row<T, 2>*)(out + 2 * lane + 64) = second;
"""

# One block for each row.
_ADD_NORM = """
  __shared__ float sums[32];
  constexpr int N = 8;
  int thread = threadIdx.x, warps = blockDim.x / 32;
  long row = (long)blockIdx.x * WIDTH;
  float sum = 0;
  for (int at = thread * N; at < WIDTH; at += blockDim.x * N) {
    auto a = *(const Row<T, N>*)(x + row + at), b = *(const Row<T, N>*)(y + row + at);
    for (int i = 0; i < N; i++) {
      a.at[i] = (T)((float)a.at[i] + (float)b.at[i]);
      sum += (float)a.at[i] * (float)a.at[i];
    }
    *(Row<T, N>*)(total + row + at) = a;
  }
  for (int other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(0xffffffff, sum, other);
  if (thread % 32 == 0) sums[thread / 32] = sum;
  __syncthreads();
  sum = 0;
  for (int warp = 0; warp < warps; warp++) sum += sums[warp];
  float scale = rsqrtf(sum / WIDTH + eps[0]);
  for (int at = thread * N; at < WIDTH; at += blockDim.x * N) {
    auto a = *(const Row<T, N>*)(total + row + at), w = *(const Row<T, N>*)(weight + at);
    for (int i = 0; i < N; i++) a.at[i] = (T)((float)a.at[i] * scale * (float)w.at[i]);
    *(Row<T, N>*)(normed + row + at) = a;
  }
"""

_SWIGLU = """
  constexpr int N = 8;
  auto thread = cooperative_groups::this_grid().thread_rank();
  long row = thread / (WIDTH / N), at = thread % (WIDTH / N) * N;
  if (row >= gate_and_up_shape[0]) return;
  const T* from = gate_and_up + row * 2 * WIDTH + at;
  auto gate = *(const Row<T, N>*)from, up = *(const Row<T, N>*)(from + WIDTH);
  for (int i = 0; i < N; i++) {
    float g = (float)gate.at[i];
    gate.at[i] = (T)(g / (1 + __expf(-g)) * (float)up.at[i]);
  }
  *(Row<T, N>*)(out + row * WIDTH + at) = gate;
"""


@cache
def _kernel(name: str, inputs: str, outputs: str, source: str) -> Any:
    return mx.fast.cuda_kernel(
        name=name, input_names=inputs.split(), output_names=outputs.split(), source=source, header=_HEADER
    )


@cache
def _scalar(value: float) -> mx.array:
    return mx.array(value, dtype=mx.float32)


def heads(
    qkv: mx.array,
    query_weight: mx.array,
    key_weight: mx.array,
    angles: mx.array,
    eps: float,
    *,
    queries: int,
    keys: int,
) -> tuple[mx.array, mx.array]:
    """Apply RMS norm and rotary embedding to each head of the queries and the keys.

    qkv: (N, (H + 2 K) * 128), the queries, keys and values of N = B * T tokens. weights: (128,) of the norms.
    angles: (T, 128) float32, cosines and then sines of each position. queries, keys: H and K; their sum must
    be a multiple of 8. Returns queries (N, H, 128) and keys (N, K, 128).
    """
    inputs = "qkv query_weight key_weight angles eps"
    rotated, turned = _kernel("heads", inputs, "queries keys", _HEADS)(
        inputs=[qkv, query_weight, key_weight, angles, _scalar(eps)],
        template=[("T", qkv.dtype), ("QUERIES", queries), ("KEYS", keys)],
        grid=(len(qkv) * (queries + keys) * 32, 1, 1),
        threadgroup=(_THREADS, 1, 1),
        output_shapes=[(len(qkv), queries, HEAD), (len(qkv), keys, HEAD)],
        output_dtypes=[qkv.dtype, qkv.dtype],
    )
    return rotated, turned


def add_norm(x: mx.array, y: mx.array, weight: mx.array, eps: float) -> tuple[mx.array, mx.array]:
    """Return x + y and its RMS norm: (N, D) and (N, D) -> (N, D), (N, D). D must be a multiple of 8."""
    kernel = _kernel("add_norm", "x y weight eps", "total normed", _ADD_NORM)
    total, normed = kernel(
        inputs=[x, y, weight, _scalar(eps)],
        template=[("T", x.dtype), ("WIDTH", x.shape[-1])],
        grid=(len(x) * _THREADS, 1, 1),
        threadgroup=(_THREADS, 1, 1),
        output_shapes=[x.shape, x.shape],
        output_dtypes=[x.dtype, x.dtype],
    )
    return total, normed


def swiglu(gate_and_up: mx.array) -> mx.array:
    """Return silu(gate) * up of both side by side: (N, 2 I) -> (N, I). I must be a multiple of 8."""
    rows, width = len(gate_and_up), gate_and_up.shape[-1] // 2
    kernel = _kernel("swiglu", "gate_and_up", "out", _SWIGLU)
    (out,) = kernel(
        inputs=[gate_and_up],
        template=[("T", gate_and_up.dtype), ("WIDTH", width)],
        grid=(rows * width // 8, 1, 1),
        threadgroup=(_THREADS, 1, 1),
        output_shapes=[(rows, width)],
        output_dtypes=[gate_and_up.dtype],
    )
    return out
