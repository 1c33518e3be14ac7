// Winograd's transforms; see convolution_kernels.hpp for what each does.
//
// A product of polynomials is found from its values at as many points as a tile has rows. Inputs,
// filters and products go there and back by the matrices B, G and A of Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks" (2015). The points were chosen so that intermediate
// values stay small: rounding errors are half of those at small integers, and about twice those of
// direct convolution.

template <int tile>
struct At;

// 0, a, -a, b, -b and infinity, with a = 1/sqrt(2) and b = sqrt(2).
template <>
struct At<6> {
  static constexpr float a = 0.70710678f, a2 = 0.5f, a3 = a * a2;
  static constexpr float b = 1.41421356f, b2 = 2.0f, b3 = b * b2;
  // 1 / 2a^2(a^2 - b^2), 1 / 2b^2(b^2 - a^2)
  static constexpr float filter_a = -2.0f / 3, filter_b = 1.0f / 6;

  // B' d for one column d of a tile's input.
  static inline void input(const Vec* d, Vec* out) {
    const Vec even_a = multiply_add(-b2, d[2], d[4]), odd_a = multiply_add(-b2, d[1], d[3]);
    const Vec even_b = multiply_add(-a2, d[2], d[4]), odd_b = multiply_add(-a2, d[1], d[3]);
    out[0] = multiply_add(-(a2 + b2), d[2], d[0]) + d[4];
    out[1] = multiply_add(a, odd_a, even_a);
    out[2] = multiply_add(-a, odd_a, even_a);
    out[3] = multiply_add(b, odd_b, even_b);
    out[4] = multiply_add(-b, odd_b, even_b);
    out[5] = multiply_add(-(a2 + b2), d[3], d[1]) + d[5];
  }

  // The values of the polynomial c[0] + c[1] x + ...: A c; G c but for its scales.
  template <int n>
  static inline void evaluate(const Vec* c, Vec* out) {
    Vec even_a = c[0], even_b = c[0], odd_a = c[1], odd_b = c[1];
    if (n > 2) {
      even_a = multiply_add(a2, c[n > 2 ? 2 : 0], even_a);
      even_b = multiply_add(b2, c[n > 2 ? 2 : 0], even_b);
    }
    if (n > 3) {
      odd_a = multiply_add(a2, c[n > 3 ? 3 : 0], odd_a);
      odd_b = multiply_add(b2, c[n > 3 ? 3 : 0], odd_b);
    }
    if (n > 4) {
      even_a = multiply_add(a2 * a2, c[n > 4 ? 4 : 0], even_a);
      even_b = multiply_add(b2 * b2, c[n > 4 ? 4 : 0], even_b);
    }
    out[0] = c[0];
    out[1] = multiply_add(a, odd_a, even_a);
    out[2] = multiply_add(-a, odd_a, even_a);
    out[3] = multiply_add(b, odd_b, even_b);
    out[4] = multiply_add(-b, odd_b, even_b);
    out[5] = c[n - 1];
  }

  // Its transpose: A' v; G' v but for its scales.
  template <int n>
  static inline void evaluate_transposed(const Vec* v, Vec* out) {
    const Vec sum_a = v[1] + v[2], sum_b = v[3] + v[4];
    const Vec difference_a = v[1] - v[2], difference_b = v[3] - v[4];
    out[0] = v[0] + sum_a + sum_b;
    out[1] = multiply_add(a, difference_a, b * difference_b);
    if (n > 2) out[n > 2 ? 2 : 0] = multiply_add(a2, sum_a, b2 * sum_b);
    if (n > 3) out[n > 3 ? 3 : 0] = multiply_add(a3, difference_a, b3 * difference_b);
    if (n > 4) out[n > 4 ? 4 : 0] = multiply_add(a2 * a2, sum_a, b2 * b2 * sum_b);
    out[n - 1] += v[5];
  }

  static inline void scale_filter(Vec* v) {
    v[1] *= filter_a, v[2] *= filter_a, v[3] *= filter_b, v[4] *= filter_b;
  }
};

// 0, a, -a, b and infinity, with a = 1/sqrt(2) and b = 3/2.
template <>
struct At<5> {
  static constexpr float a = 0.70710678f, a2 = 0.5f, a3 = a * a2;
  static constexpr float b = 1.5f, b2 = b * b, b3 = b * b2;

  static inline void input(const Vec* d, Vec* out) {
    Vec q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) q[i] = multiply_add(-b, d[i], d[i + 1]);
    out[0] = multiply_add(-a2, q[0], q[2]);
    out[1] = multiply_add(a, q[1], q[2]);
    out[2] = multiply_add(-a, q[1], q[2]);
    out[3] = multiply_add(-a2, d[1], d[3]);
    out[4] = multiply_add(-a2, q[1], q[3]);
  }

  template <int n>
  static inline void evaluate(const Vec* c, Vec* out) {
    Vec even = c[0], odd = c[1], at_b = c[n - 1];
    if (n > 2) even = multiply_add(a2, c[n > 2 ? 2 : 0], even);
    if (n > 3) odd = multiply_add(a2, c[n > 3 ? 3 : 0], odd);
#pragma GCC unroll 4
    for (int i = n - 2; i >= 0; --i) at_b = multiply_add(b, at_b, c[i]);
    out[0] = c[0];
    out[1] = multiply_add(a, odd, even);
    out[2] = multiply_add(-a, odd, even);
    out[3] = at_b;
    out[4] = c[n - 1];
  }

  template <int n>
  static inline void evaluate_transposed(const Vec* v, Vec* out) {
    const Vec sum = v[1] + v[2], difference = v[1] - v[2];
    out[0] = v[0] + sum + v[3];
    out[1] = multiply_add(a, difference, b * v[3]);
    if (n > 2) out[n > 2 ? 2 : 0] = multiply_add(a2, sum, b2 * v[3]);
    if (n > 3) out[n > 3 ? 3 : 0] = multiply_add(a3, difference, b3 * v[3]);
    out[n - 1] += v[4];
  }

  // 1 / a^2 b, 1 / 2a^2(a - b), -1 / 2a^2(a + b), 1 / b(b^2 - a^2)
  static inline void scale_filter(Vec* v) {
    v[0] *= 1 / (a2 * b), v[1] *= 1 / (a - b), v[2] *= -1 / (a + b), v[3] *= 1 / (b * (b2 - a2));
  }
};

// Tiles of one size of kernel.
template <int kernel>
struct Winograd {
  static const int tile = winograd_tile(kernel), step = tile - kernel + 1;
  typedef At<tile> Points;

  static void input(const TileRow& row, const float* staged, float* points,
                    ptrdiff_t point_stride, ptrdiff_t tile_stride) {
    for (int t = 0; t < row.tiles; ++t, staged += step * row.x_stride, points += tile_stride) {
      Vec by_row[tile][tile];  // [column][point down]
#pragma GCC unroll 6
      for (int x = 0; x < tile; ++x) {
        Vec d[tile];
#pragma GCC unroll 6
        for (int y = 0; y < tile; ++y) d[y] = load(staged + y * row.y_stride + x * row.x_stride);
        Points::input(d, by_row[x]);
      }
#pragma GCC unroll 6
      for (int i = 0; i < tile; ++i) {
        Vec d[tile], out[tile];
#pragma GCC unroll 6
        for (int x = 0; x < tile; ++x) d[x] = by_row[x][i];
        Points::input(d, out);
#pragma GCC unroll 6
        for (int j = 0; j < tile; ++j) store(points + (i * tile + j) * point_stride, out[j]);
      }
    }
  }

  static void output(const TileRow& row, const float* points, ptrdiff_t point_stride,
                     ptrdiff_t tile_stride, const float* bias, float* staged) {
    const Vec added = bias ? load(bias) : Vec();
    for (int t = 0; t < row.tiles; ++t, staged += step * row.x_stride, points += tile_stride) {
      Vec by_row[tile][step];  // [point across][row]
#pragma GCC unroll 6
      for (int j = 0; j < tile; ++j) {
        Vec v[tile];
#pragma GCC unroll 6
        for (int i = 0; i < tile; ++i) v[i] = load(points + (i * tile + j) * point_stride);
        Points::template evaluate_transposed<step>(v, by_row[j]);
      }
#pragma GCC unroll 4
      for (int y = 0; y < step; ++y) {
        Vec v[tile], out[step];
#pragma GCC unroll 6
        for (int j = 0; j < tile; ++j) v[j] = by_row[j][y];
        Points::template evaluate_transposed<step>(v, out);
#pragma GCC unroll 4
        for (int x = 0; x < step; ++x) {
          store(staged + y * row.y_stride + x * row.x_stride, out[x] + added);
        }
      }
    }
  }

  static void output_gradient(const TileRow& row, const float* staged, float* points,
                              ptrdiff_t point_stride, ptrdiff_t tile_stride) {
    for (int t = 0; t < row.tiles; ++t, staged += step * row.x_stride, points += tile_stride) {
      Vec by_row[step][tile];  // [column][point down]
#pragma GCC unroll 4
      for (int x = 0; x < step; ++x) {
        Vec c[step];
#pragma GCC unroll 4
        for (int y = 0; y < step; ++y) c[y] = load(staged + y * row.y_stride + x * row.x_stride);
        Points::template evaluate<step>(c, by_row[x]);
      }
#pragma GCC unroll 6
      for (int i = 0; i < tile; ++i) {
        Vec c[step], out[tile];
#pragma GCC unroll 4
        for (int x = 0; x < step; ++x) c[x] = by_row[x][i];
        Points::template evaluate<step>(c, out);
#pragma GCC unroll 6
        for (int j = 0; j < tile; ++j) store(points + (i * tile + j) * point_stride, out[j]);
      }
    }
  }

  static void filter(const Taps& taps, const float* staged, float* points,
                     ptrdiff_t point_stride) {
    Vec by_row[kernel][tile];  // [column][point down]
    for (int x = 0; x < kernel; ++x) {
      Vec g[kernel];
      for (int y = 0; y < kernel; ++y) g[y] = load(staged + taps.at(y, x) * kWidth);
      Points::template evaluate<kernel>(g, by_row[x]);
      Points::scale_filter(by_row[x]);
    }
    for (int i = 0; i < tile; ++i) {
      Vec g[kernel], out[tile];
      for (int x = 0; x < kernel; ++x) g[x] = by_row[x][i];
      Points::template evaluate<kernel>(g, out);
      Points::scale_filter(out);
      for (int j = 0; j < tile; ++j) store(points + (i * tile + j) * point_stride, out[j]);
    }
  }

  static void filter_gradient(const Taps& taps, const float* points, ptrdiff_t point_stride,
                              int parts, ptrdiff_t part_stride, float* staged) {
    Vec by_row[tile][kernel];  // [point across][row]
    for (int j = 0; j < tile; ++j) {
      Vec u[tile];
      for (int i = 0; i < tile; ++i) {
        u[i] = load(points + (i * tile + j) * point_stride);
        for (int part = 1; part < parts; ++part) {
          u[i] += load(points + (i * tile + j) * point_stride + part * part_stride);
        }
      }
      Points::scale_filter(u);
      Points::template evaluate_transposed<kernel>(u, by_row[j]);
    }
    for (int y = 0; y < kernel; ++y) {
      Vec u[tile], g[kernel];
      for (int j = 0; j < tile; ++j) u[j] = by_row[j][y];
      Points::scale_filter(u);
      Points::template evaluate_transposed<kernel>(u, g);
      for (int x = 0; x < kernel; ++x) {
        float* const tap = staged + taps.at(y, x) * kWidth;
        store(tap, load(tap) + g[x]);
      }
    }
  }
};

template <int kernel>
constexpr WinogradKernels winograd_kernels() {
  return {Winograd<kernel>::input, Winograd<kernel>::output, Winograd<kernel>::output_gradient,
          Winograd<kernel>::filter, Winograd<kernel>::filter_gradient};
}
