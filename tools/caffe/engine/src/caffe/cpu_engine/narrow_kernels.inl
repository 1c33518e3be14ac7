// 3x3 convolution to a few maps: add_narrow of convolution_kernels.hpp.

const int kAtOnce = ENGINE_WIDTH == 16 ? 4 : 3;  // vectors of a row that are summed at once

// Vectors of a row from one of its columns on, and the same one column to the left (kx = 0) and to
// the right (2). What lies outside the row is 0.
template <int vectors>
struct Columns {
  Lanes first, last[3];  // lanes inside: of the first vector at kx 0, of the last one

  Columns(int column, int width) {
    const int left = column == 0, rest = width - column - (vectors - 1) * kWidth;
    first = lanes(left, kWidth);
    for (int kx = 0; kx < 3; ++kx) {
      last[kx] = lanes(vectors == 1 && kx == 0 ? left : 0, rest + 1 - kx);
    }
  }
  Vec load_at(const float* row, int v, int kx) const {
    const float* const from = row + v * kWidth + kx - 1;
    if (v == vectors - 1) return load_lanes(last[kx], from);
    return v == 0 && kx == 0 ? load_lanes(first, from) : load(from);
  }
};

template <int outputs, int vectors>
void add_narrow_row(const NarrowRows& q, int y, int column, const float* weights,
                    ptrdiff_t weight_stride, float* out) {
  const Columns<vectors> columns(column, q.width);
  const int first = y == 0 ? 1 : 0, end = y == q.height - 1 ? 2 : 3;  // rows of the kernel inside
  out += static_cast<ptrdiff_t>(y) * q.width + column;
  Vec sum[outputs][vectors];
#pragma GCC unroll 4
  for (int o = 0; o < outputs; ++o) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sum[o][v] = columns.load_at(out + o * q.plane(), v, 1);
  }
  for (int c = 0; c < q.channels; ++c) {
    for (int ky = first; ky < end; ++ky) {
      const float* const row =
          q.in + c * q.plane() + static_cast<ptrdiff_t>(y + ky - 1) * q.width + column;
#pragma GCC unroll 3
      for (int kx = 0; kx < 3; ++kx) {
        Vec in[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) in[v] = columns.load_at(row, v, kx);
#pragma GCC unroll 4
        for (int o = 0; o < outputs; ++o) {
          const float weight = weights[o * weight_stride + (c * 3 + ky) * 3 + kx];
#pragma GCC unroll 4
          for (int v = 0; v < vectors; ++v) sum[o][v] = multiply_add(weight, in[v], sum[o][v]);
        }
      }
    }
  }
#pragma GCC unroll 4
  for (int o = 0; o < outputs; ++o) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      float* const to = out + o * q.plane() + v * kWidth;
      v < vectors - 1 ? store(to, sum[o][v]) : store_lanes(columns.last[1], to, sum[o][v]);
    }
  }
}

template <int outputs>
void add_narrow(const NarrowRows& q, const float* weights, ptrdiff_t weight_stride, float* out) {
  for (int y = q.begin; y < q.end; ++y) {
    for (int column = 0; column < q.width; column += kAtOnce * kWidth) {
      switch ((q.width - column + kWidth - 1) / kWidth) {
        case 1: add_narrow_row<outputs, 1>(q, y, column, weights, weight_stride, out); break;
        case 2: add_narrow_row<outputs, 2>(q, y, column, weights, weight_stride, out); break;
#if ENGINE_WIDTH == 16
        case 3: add_narrow_row<outputs, 3>(q, y, column, weights, weight_stride, out); break;
#endif
        default: add_narrow_row<outputs, kAtOnce>(q, y, column, weights, weight_stride, out);
      }
    }
  }
}
