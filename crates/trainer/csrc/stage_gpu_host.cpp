// The kernels of a GPU on the host, one thread after the other, and other entries for tests. No program links it.

#include <c10/util/BFloat16.h>
#include <c10/util/Exception.h>
#include <c10/util/Half.h>

#include <cmath>

#include "gpu_kernels.h"
#include "guarded.h"

namespace {

// Half precision and bfloat16, converted by libtorch.
template <int KIND>
struct Format;

template <>
struct Format<1> {
  static float widened(unsigned bits) { return c10::detail::fp16_ieee_to_fp32_value(uint16_t(bits)); }
  static unsigned rounded(float value) { return c10::detail::fp16_ieee_from_fp32_value(value); }
};

template <>
struct Format<2> {
  static float widened(unsigned bits) { return c10::detail::f32_from_bits(uint16_t(bits)); }
  static unsigned rounded(float value) { return c10::detail::round_to_nearest_even(value); }
};

unsigned emulated_block;

#define KIND 0
namespace single {
#include "stage_gpu_numbers.inc"
#include "stage_gpu_kernels.inc"
}  // namespace single
#undef KIND
#define KIND 1
namespace half {
#include "stage_gpu_numbers.inc"
#include "stage_gpu_kernels.inc"
}  // namespace half
#undef KIND
#define KIND 2
namespace bfloat {
#include "stage_gpu_numbers.inc"
#include "stage_gpu_kernels.inc"
}  // namespace bfloat

using Function = void (*)(StageWork);

#define OF_SINGLE(name) single::name,
#define OF_HALF(name) half::name,
#define OF_BFLOAT(name) bfloat::name,
constexpr Function FUNCTIONS[3][8] = {{STAGE_KERNELS(OF_SINGLE)}, {STAGE_KERNELS(OF_HALF)}, {STAGE_KERNELS(OF_BFLOAT)}};

// A GPU refuses to read 16 bytes from anywhere else.
void launch(int, int kind, stage::gpu::Kernel kernel, unsigned blocks, const StageWork& work) {
  for (const void* maps : {work.whole, work.joined, work.gradient, (const void*)work.input, (const void*)work.inner}) {
    TORCH_CHECK(reinterpret_cast<uintptr_t>(maps) % 16 == 0, "a map lies where a GPU cannot read it");
  }
  for (emulated_block = 0; emulated_block < blocks; ++emulated_block) FUNCTIONS[kind][size_t(kernel)](work);
}

// Few, so that a chunk has several rounds of a block.
const stage::gpu::Launcher on_the_host{[](int) { return 1u; }, launch};

}  // namespace

// Stages of tensors on the CPU are computed as on a GPU from now on, or no longer.
extern "C" void hlb_stage_emulate(bool on) { stage::gpu::emulator = on ? &on_the_host : nullptr; }

// Compiles the kernels for a GPU; `said` is what the compiler said, until the thread's next call.
extern "C" const char* hlb_stage_compile(int32_t capability, int32_t kind, const char** said) {
  static thread_local std::string log;
  return hlb::guarded([&] {
    stage::gpu::compile(capability, kind, log);
    *said = log.c_str();
  });
}
