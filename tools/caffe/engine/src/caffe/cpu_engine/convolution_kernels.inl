// Kernels of convolution; see convolution_kernels.hpp for what each does.

// ---- Matrix product ------------------------------------------------------------------------

// Sums of kRows x kVectors vectors stay in registers over the whole depth. Of the shapes that fit
// (16 registers with AVX2, 32 with AVX-512), these were the fastest.
const int kRows = ENGINE_WIDTH == 16 ? 8 : 4;
const int kVectors = 3;
const int kPanel = kVectors * kWidth;

// contiguous: A's rows are (a_depth is 1), else its columns are (a_row is 1).
template <int rows, int vectors, bool contiguous>
inline void multiply_tile(const Product& q, const float* a, const float* b, float* c) {
  const ptrdiff_t a_row = contiguous ? q.a_row : 1;
  const ptrdiff_t a_depth = contiguous ? 1 : q.a_depth;
  const ptrdiff_t b_depth = q.b_depth;
  const float* const a4 = a + 4 * a_row;  // an x86 address holds few multiples of a stride
  Vec sum[rows][vectors];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < vectors; ++j) {
      __builtin_prefetch(c + i * q.c_row + j * kWidth, 1);
      sum[i][j] = Vec();
    }
  }
  ptrdiff_t offset = 0;
  for (int p = 0; p < q.depth; ++p) {
    Vec right[vectors];
#pragma GCC unroll 3
    for (int j = 0; j < vectors; ++j) {
      right[j] = load(b + j * kWidth);
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const float left = i < 4 ? a[i * a_row + offset] : a4[(i - 4) * a_row + offset];
#pragma GCC unroll 3
      for (int j = 0; j < vectors; ++j) {
        sum[i][j] = multiply_add(left, right[j], sum[i][j]);
      }
    }
    offset += a_depth;
    b += b_depth;
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < vectors; ++j) {
      float* const out = c + i * q.c_row + j * kWidth;
      store(out, q.accumulate ? load(out) + sum[i][j] : sum[i][j]);
    }
  }
}

template <int vectors, bool contiguous>
void multiply_panel(const Product& q, const float* b, float* c) {
  const ptrdiff_t a_row = contiguous ? q.a_row : 1;
  int i = 0;
  for (; i + kRows <= q.rows; i += kRows) {
    multiply_tile<kRows, vectors, contiguous>(q, q.a + i * a_row, b, c + i * q.c_row);
  }
  for (; i + 3 <= q.rows; i += 3) {
    multiply_tile<3, vectors, contiguous>(q, q.a + i * a_row, b, c + i * q.c_row);
  }
  for (; i < q.rows; ++i) {
    multiply_tile<1, vectors, contiguous>(q, q.a + i * a_row, b, c + i * q.c_row);
  }
}

template <bool contiguous>
void multiply_panels(const Product& q) {
  const float* b = q.b;
  for (int column = 0; column < q.columns; column += kPanel, b += q.b_panel) {
    float* const c = q.c + column;
    switch ((q.columns - column) / kWidth) {
      case 1: multiply_panel<1, contiguous>(q, b, c); break;
      case 2: multiply_panel<2, contiguous>(q, b, c); break;
      default: multiply_panel<3, contiguous>(q, b, c);
    }
  }
}

void multiply(const Product& q) {
  if (q.a_depth == 1) {
    multiply_panels<true>(q);
  } else {
    multiply_panels<false>(q);
  }
}

// ---- Between planes and pixels of channels -------------------------------------------------

typedef int Mask __attribute__((vector_size(4 * ENGINE_WIDTH)));

// One step of a transposition: exchanges the off-diagonal blocks of distance x distance between
// each two rows that far apart.
template <int distance>
inline void exchange_blocks(Vec* row) {
  Mask upper, lower;
  for (int lane = 0; lane < kWidth; ++lane) {
    upper[lane] = lane & distance ? kWidth + lane - distance : lane;
    lower[lane] = lane & distance ? kWidth + lane : lane + distance;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; ++i) {
    if (!(i & distance)) {
      const Vec a = row[i], b = row[i + distance];
      row[i] = __builtin_shuffle(a, b, upper);
      row[i + distance] = __builtin_shuffle(a, b, lower);
    }
  }
}

inline void transpose(Vec* row) {
  exchange_blocks<1>(row);
  exchange_blocks<2>(row);
  exchange_blocks<4>(row);
#if ENGINE_WIDTH == 16
  exchange_blocks<8>(row);
#endif
}

inline int lesser(int a, int b) { return a < b ? a : b; }
inline int greater(int a, int b) { return a > b ? a : b; }

void stage(const Window& window, const float* planes, float* staged, ptrdiff_t pixel_stride) {
  const int first = lesser(greater(-window.left, 0), window.columns);
  const int last = greater(lesser(window.width - window.left, window.columns), first);
  for (int row = 0; row < window.rows; ++row, staged += window.columns * pixel_stride) {
    const int y = window.top + row;
    const bool inside = y >= 0 && y < window.height;
    const int begin = inside ? first : window.columns;
    const int end = inside ? last : window.columns;
    for (int x = 0; x < begin; ++x) {
      store(staged + x * pixel_stride, Vec());
    }
    for (int x = end; x < window.columns; ++x) {
      store(staged + x * pixel_stride, Vec());
    }
    const float* const source = planes + static_cast<ptrdiff_t>(y) * window.width + window.left;
    for (int x = begin; x < end; x += kWidth) {
      const int count = lesser(kWidth, end - x);
      Vec block[kWidth];
      if (count == kWidth) {
#pragma GCC unroll 16
        for (int c = 0; c < kWidth; ++c) {
          block[c] = c < window.channels ? load(source + c * window.plane + x) : Vec();
        }
      } else {
        for (int c = 0; c < kWidth; ++c) {
          block[c] = Vec();
          for (int i = 0; c < window.channels && i < count; ++i) {
            block[c][i] = source[c * window.plane + x + i];
          }
        }
      }
      transpose(block);
      for (int i = 0; i < count; ++i) {
        store(staged + (x + i) * pixel_stride, block[i]);
      }
    }
  }
}

void unstage(const Window& window, const float* staged, float* planes) {
  const int begin = greater(-window.left, 0);
  const int end = lesser(window.width - window.left, window.columns);
  for (int row = 0; row < window.rows; ++row, staged += window.columns * kWidth) {
    const int y = window.top + row;
    if (y < 0 || y >= window.height) {
      continue;
    }
    float* const target = planes + static_cast<ptrdiff_t>(y) * window.width + window.left;
    for (int x = begin; x < end; x += kWidth) {
      const int count = lesser(kWidth, end - x);
      Vec block[kWidth];
      for (int i = 0; i < kWidth; ++i) {
        block[i] = i < count ? load(staged + (x + i) * kWidth) : Vec();
      }
      transpose(block);
      if (count == kWidth) {
#pragma GCC unroll 16
        for (int c = 0; c < kWidth; ++c) {
          if (c < window.channels) store(target + c * window.plane + x, block[c]);
        }
      } else {
        for (int c = 0; c < window.channels; ++c) {
          for (int i = 0; i < count; ++i) {
            target[c * window.plane + x + i] = block[c][i];
          }
        }
      }
    }
  }
}

// ---- Winograd's transforms -----------------------------------------------------------------
//
// A product of polynomials is found from its values at six points: here 0, a, -a, b, -b and
// infinity. Inputs, filters and products go there and back by the matrices B, G and A of Lavin and
// Gray, "Fast Algorithms for Convolutional Neural Networks" (2015). With a = 1/sqrt(2) and
// b = sqrt(2), intermediate values stay small: rounding errors are half of those of the usual 1
// and 2, and about twice those of direct convolution.
const float kA = 0.70710678f, kA2 = 0.5f, kA3 = kA * kA2;
const float kB = 1.41421356f, kB2 = 2.0f, kB3 = kB * kB2;
const float kFilterA = -2.0f / 3, kFilterB = 1.0f / 6;  // 1 / 2a^2(a^2 - b^2), 1 / 2b^2(b^2 - a^2)

// B' d for one column d of a tile's input.
inline void transform_input(const Vec* d, Vec* out) {
  const Vec even_a = multiply_add(-kB2, d[2], d[4]), odd_a = multiply_add(-kB2, d[1], d[3]);
  const Vec even_b = multiply_add(-kA2, d[2], d[4]), odd_b = multiply_add(-kA2, d[1], d[3]);
  out[0] = multiply_add(-(kA2 + kB2), d[2], d[0]) + d[4];
  out[1] = multiply_add(kA, odd_a, even_a);
  out[2] = multiply_add(-kA, odd_a, even_a);
  out[3] = multiply_add(kB, odd_b, even_b);
  out[4] = multiply_add(-kB, odd_b, even_b);
  out[5] = multiply_add(-(kA2 + kB2), d[3], d[1]) + d[5];
}

// The values at the points of the polynomial c[0] + c[1] x + ...: A c; G c but for its scales.
template <int n>
inline void evaluate(const Vec* c, Vec* out) {
  Vec even_a = c[0], even_b = c[0], odd_a = c[1], odd_b = c[1];
  if (n > 2) {
    even_a = multiply_add(kA2, c[n > 2 ? 2 : 0], even_a);
    even_b = multiply_add(kB2, c[n > 2 ? 2 : 0], even_b);
  }
  if (n > 3) {
    odd_a = multiply_add(kA2, c[n > 3 ? 3 : 0], odd_a);
    odd_b = multiply_add(kB2, c[n > 3 ? 3 : 0], odd_b);
  }
  if (n > 4) {
    even_a = multiply_add(kA2 * kA2, c[n > 4 ? 4 : 0], even_a);
    even_b = multiply_add(kB2 * kB2, c[n > 4 ? 4 : 0], even_b);
  }
  out[0] = c[0];
  out[1] = multiply_add(kA, odd_a, even_a);
  out[2] = multiply_add(-kA, odd_a, even_a);
  out[3] = multiply_add(kB, odd_b, even_b);
  out[4] = multiply_add(-kB, odd_b, even_b);
  out[5] = c[n - 1];
}

// Its transpose: A' v; G' v but for its scales.
template <int n>
inline void evaluate_transposed(const Vec* v, Vec* out) {
  const Vec sum_a = v[1] + v[2], sum_b = v[3] + v[4];
  const Vec difference_a = v[1] - v[2], difference_b = v[3] - v[4];
  out[0] = v[0] + sum_a + sum_b;
  out[1] = multiply_add(kA, difference_a, kB * difference_b);
  if (n > 2) out[n > 2 ? 2 : 0] = multiply_add(kA2, sum_a, kB2 * sum_b);
  if (n > 3) out[n > 3 ? 3 : 0] = multiply_add(kA3, difference_a, kB3 * difference_b);
  if (n > 4) out[n > 4 ? 4 : 0] = multiply_add(kA2 * kA2, sum_a, kB2 * kB2 * sum_b);
  out[n - 1] += v[5];
}

inline void scale_filter(Vec* v) {
  v[1] *= kFilterA, v[2] *= kFilterA, v[3] *= kFilterB, v[4] *= kFilterB;
}

template <int kernel>
void input_points(int tiles, const float* staged, int columns, float* points,
                  ptrdiff_t point_stride, ptrdiff_t tile_stride) {
  const int step = kTile - kernel + 1;
  for (int t = 0; t < tiles; ++t, staged += step * kWidth, points += tile_stride) {
    Vec by_row[kTile][kTile];  // [column][point down]
#pragma GCC unroll 6
    for (int x = 0; x < kTile; ++x) {
      Vec d[kTile];
#pragma GCC unroll 6
      for (int y = 0; y < kTile; ++y) {
        d[y] = load(staged + (static_cast<ptrdiff_t>(y) * columns + x) * kWidth);
      }
      transform_input(d, by_row[x]);
    }
#pragma GCC unroll 6
    for (int i = 0; i < kTile; ++i) {
      Vec d[kTile], out[kTile];
#pragma GCC unroll 6
      for (int x = 0; x < kTile; ++x) d[x] = by_row[x][i];
      transform_input(d, out);
#pragma GCC unroll 6
      for (int j = 0; j < kTile; ++j) store(points + (i * kTile + j) * point_stride, out[j]);
    }
  }
}

template <int kernel>
void output_points(int tiles, const float* points, ptrdiff_t point_stride, ptrdiff_t tile_stride,
                   const float* bias, float* staged, int columns) {
  const int step = kTile - kernel + 1;
  const Vec added = bias ? load(bias) : Vec();
  for (int t = 0; t < tiles; ++t, staged += step * kWidth, points += tile_stride) {
    Vec by_row[kTile][step];  // [point across][row]
#pragma GCC unroll 6
    for (int j = 0; j < kTile; ++j) {
      Vec v[kTile];
#pragma GCC unroll 6
      for (int i = 0; i < kTile; ++i) v[i] = load(points + (i * kTile + j) * point_stride);
      evaluate_transposed<step>(v, by_row[j]);
    }
#pragma GCC unroll 4
    for (int y = 0; y < step; ++y) {
      Vec v[kTile], out[step];
#pragma GCC unroll 6
      for (int j = 0; j < kTile; ++j) v[j] = by_row[j][y];
      evaluate_transposed<step>(v, out);
#pragma GCC unroll 4
      for (int x = 0; x < step; ++x) {
        store(staged + (static_cast<ptrdiff_t>(y) * columns + x) * kWidth, out[x] + added);
      }
    }
  }
}

template <int kernel>
void output_gradient_points(int tiles, const float* staged, int columns, float* points,
                            ptrdiff_t point_stride, ptrdiff_t tile_stride) {
  const int step = kTile - kernel + 1;
  for (int t = 0; t < tiles; ++t, staged += step * kWidth, points += tile_stride) {
    Vec by_row[step][kTile];  // [column][point down]
#pragma GCC unroll 4
    for (int x = 0; x < step; ++x) {
      Vec c[step];
#pragma GCC unroll 4
      for (int y = 0; y < step; ++y) {
        c[y] = load(staged + (static_cast<ptrdiff_t>(y) * columns + x) * kWidth);
      }
      evaluate<step>(c, by_row[x]);
    }
#pragma GCC unroll 6
    for (int i = 0; i < kTile; ++i) {
      Vec c[step], out[kTile];
#pragma GCC unroll 4
      for (int x = 0; x < step; ++x) c[x] = by_row[x][i];
      evaluate<step>(c, out);
#pragma GCC unroll 6
      for (int j = 0; j < kTile; ++j) store(points + (i * kTile + j) * point_stride, out[j]);
    }
  }
}

template <int kernel>
void filter_points(int lanes, const float* filters, ptrdiff_t lane_stride, bool turned,
                   float* points, ptrdiff_t point_stride) {
  Vec by_row[kernel][kTile];  // [column][point down]
  for (int x = 0; x < kernel; ++x) {
    Vec g[kernel];
    for (int y = 0; y < kernel; ++y) {
      const int tap = y * kernel + x;
      const float* const filter = filters + (turned ? kernel * kernel - 1 - tap : tap);
      g[y] = Vec();
      for (int lane = 0; lane < lanes; ++lane) g[y][lane] = filter[lane * lane_stride];
    }
    evaluate<kernel>(g, by_row[x]);
    scale_filter(by_row[x]);
  }
  for (int i = 0; i < kTile; ++i) {
    Vec g[kernel], out[kTile];
    for (int x = 0; x < kernel; ++x) g[x] = by_row[x][i];
    evaluate<kernel>(g, out);
    scale_filter(out);
    for (int j = 0; j < kTile; ++j) store(points + (i * kTile + j) * point_stride, out[j]);
  }
}

template <int kernel>
void filter_gradient(int lanes, const float* points, ptrdiff_t point_stride, int parts,
                     ptrdiff_t part_stride, float* filters, ptrdiff_t lane_stride) {
  Vec by_row[kTile][kernel];  // [point across][row]
  for (int j = 0; j < kTile; ++j) {
    Vec u[kTile];
    for (int i = 0; i < kTile; ++i) {
      u[i] = load(points + (i * kTile + j) * point_stride);
      for (int part = 1; part < parts; ++part) {
        u[i] += load(points + (i * kTile + j) * point_stride + part * part_stride);
      }
    }
    scale_filter(u);
    evaluate_transposed<kernel>(u, by_row[j]);
  }
  for (int y = 0; y < kernel; ++y) {
    Vec u[kTile], g[kernel];
    for (int j = 0; j < kTile; ++j) u[j] = by_row[j][y];
    scale_filter(u);
    evaluate_transposed<kernel>(u, g);
    for (int x = 0; x < kernel; ++x) {
      float* const filter = filters + y * kernel + x;
      for (int lane = 0; lane < lanes; ++lane) filter[lane * lane_stride] += g[x][lane];
    }
  }
}

void winograd_input(int kernel, int tiles, const float* staged, int columns, float* points,
                    ptrdiff_t point_stride, ptrdiff_t tile_stride) {
  (kernel == 3 ? input_points<3> : input_points<5>)(tiles, staged, columns, points, point_stride,
                                                    tile_stride);
}

void winograd_output(int kernel, int tiles, const float* points, ptrdiff_t point_stride,
                     ptrdiff_t tile_stride, const float* bias, float* staged, int columns) {
  (kernel == 3 ? output_points<3> : output_points<5>)(tiles, points, point_stride, tile_stride,
                                                      bias, staged, columns);
}

void winograd_output_gradient(int kernel, int tiles, const float* staged, int columns,
                              float* points, ptrdiff_t point_stride, ptrdiff_t tile_stride) {
  (kernel == 3 ? output_gradient_points<3> : output_gradient_points<5>)(
      tiles, staged, columns, points, point_stride, tile_stride);
}

void winograd_filter(int kernel, int lanes, const float* filters, ptrdiff_t lane_stride,
                     bool turned, float* points, ptrdiff_t point_stride) {
  (kernel == 3 ? filter_points<3> : filter_points<5>)(lanes, filters, lane_stride, turned, points,
                                                      point_stride);
}

void winograd_filter_gradient(int kernel, int lanes, const float* points, ptrdiff_t point_stride,
                              int parts, ptrdiff_t part_stride, float* filters,
                              ptrdiff_t lane_stride) {
  (kernel == 3 ? filter_gradient<3> : filter_gradient<5>)(
      lanes, points, point_stride, parts, part_stride, filters, lane_stride);
}

const ConvolutionKernels convolution_kernels = {
    kWidth,
    kPanel,
    multiply,
    stage,
    unstage,
    winograd_input,
    winograd_output,
    winograd_output_gradient,
    winograd_filter,
    winograd_filter_gradient,
};
