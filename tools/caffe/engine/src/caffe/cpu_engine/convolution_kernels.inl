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
        const Lanes some = lanes(0, count);
#pragma GCC unroll 16
        for (int c = 0; c < kWidth; ++c) {
          block[c] = c < window.channels ? load_lanes(some, source + c * window.plane + x) : Vec();
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
        const Lanes some = lanes(0, count);
#pragma GCC unroll 16
        for (int c = 0; c < kWidth; ++c) {
          if (c < window.channels) store_lanes(some, target + c * window.plane + x, block[c]);
        }
      }
    }
  }
}

#include "narrow_kernels.inl"
#include "winograd_kernels.inl"

const ConvolutionKernels convolution_kernels = {
    kWidth,
    kPanel,
    multiply,
    stage,
    unstage,
    {add_narrow<1>, add_narrow<2>, add_narrow<3>, add_narrow<4>},
    winograd_kernels<2>(),
    winograd_kernels<3>(),
    winograd_kernels<5>(),
};
