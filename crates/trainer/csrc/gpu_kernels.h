// Kernels of a stage on the GPU at hand.
#pragma once

#include <string>

#include "stage_gpu.h"

namespace stage::gpu {

#define NAMED(name) name,
enum class Kernel { STAGE_KERNELS(NAMED) };
#undef NAMED

// How to launch them; kinds of numbers are those of `stage_gpu_numbers.inc`.
struct Launcher {
  unsigned (*processors)(int device);
  // After what was launched before on the device's current stream; it is not waited for.
  void (*launch)(int device, int kind, Kernel kernel, unsigned blocks, const StageWork& work);
};

// By CUDA.
extern const Launcher cuda;
// On the host, in its place where set.
extern const Launcher* emulator;

// Machine code for a GPU of this compute capability, 90 for 9.0; `log` is what the compiler said.
std::string compile(int capability, int kind, std::string& log);

}  // namespace stage::gpu
