// What a GPU's kernels of a stage are given, and how they are written.
//
// Their text is this file, `stage_gpu_numbers.inc` and `stage_gpu_kernels.inc`. It is compiled at run time for the GPU
// at hand, and for the host, which runs a block's threads one after the other, so that tests can hold its numbers
// against libtorch's where there is no GPU. So it includes nothing, and phases stand where threads would wait for each
// other.
//
// Numbers lie pixel by pixel, the channels of a pixel next to each other; their count is a multiple of 8. A block takes
// `chunk` pixels; neighboring threads take neighboring channels, eight each, so a warp reads memory without a gap. Sums
// are added up in an order that depends on sizes and the number of the GPU's processors alone, so a stage gives the
// same each time.

#ifndef STAGE_WORK
#define STAGE_WORK

// Threads of a block, and blocks that a processor of the GPU has room for.
#define THREADS 256
#define BLOCKS_EACH 3
// Channels that a thread takes at once.
#define EIGHT 8

#define STAGE_KERNELS(each)                                                                                           \
  each(moments) each(pool_moments) each(combine_moments) each(forward) each(backward) each(combine_sums) each(center) \
      each(spread)

// Everything that a kernel reads and writes; each uses a part of it. A chunk holds `chunk` pixels, the last one may
// hold fewer.
struct StageWork {
  const void *whole, *joined, *gradient;
  void *input, *output, *inner;
  unsigned char* index;
  float *partial, *running_mean, *running_variance, *scale, *shift, *sum, *by_input, *constant;
  const float* bias;
  // Those of the unpooled map.
  unsigned rows, columns, channels;
  // Those that are normalized, in all images.
  unsigned pixels;
  unsigned chunk, chunks;
  int activation, join;
  float momentum, eps;
};

#ifdef __CUDACC_RTC__
#define DEVICE static __device__ __forceinline__
#define KERNEL extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS_EACH)
#define SHARED __shared__
#define BLOCK blockIdx.x
// What all threads of a block do before any goes on: nobody may leave it but by `continue`.
#define PHASE for (unsigned thread = threadIdx.x; thread < THREADS; __syncthreads(), thread += THREADS)
#define EACH _Pragma("unroll") for (int i = 0; i < EIGHT; ++i)
// Two rounds of a loop at once, so that more is read meanwhile.
#define TWICE _Pragma("unroll 2")
#else
#define DEVICE static inline
#define KERNEL static void
#define SHARED
#define BLOCK emulated_block
#define PHASE for (unsigned thread = 0; thread < THREADS; ++thread)
#define EACH for (int i = 0; i < EIGHT; ++i)
#define TWICE
#endif

#endif  // STAGE_WORK
