// A stage on a GPU: which kernels, in which order, on which memory. Nothing here waits for the GPU.

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "gpu_kernels.h"
#include "stage.h"

using at::Tensor;

namespace stage::gpu {

const Launcher* emulator = nullptr;

bool is_emulated() { return emulator != nullptr; }

namespace {

const Launcher& launcher() { return emulator ? *emulator : cuda; }

int kind_of(const Tensor& maps) {
  switch (maps.scalar_type()) {
    case at::kFloat:
      return 0;
    case at::kHalf:
      return 1;
    case at::kBFloat16:
      return 2;
    default:
      TORCH_CHECK(false, "a fused stage knows float, half precision and bfloat16 only");
  }
}

// Channels last, at an address that a thread can read 16 bytes from at once.
Tensor aligned(const Tensor& maps) {
  const Tensor found = maps.contiguous(at::MemoryFormat::ChannelsLast);
  return reinterpret_cast<uintptr_t>(found.data_ptr()) % 16 == 0 ? found : found.clone(at::MemoryFormat::ChannelsLast);
}

// The same as `like`, which a kernel fills or reads.
void check_alike(const Tensor& tensor, const Tensor& like, const char* name) {
  const bool alike = tensor.sizes() == like.sizes() && tensor.scalar_type() == like.scalar_type();
  TORCH_CHECK(alike && tensor.device() == like.device(), "a fused stage's ", name, " is not like its output");
}

// Launches kernels on maps of one size.
class Launches {
 public:
  StageWork work{};

  Launches(const Tensor& normalized, at::IntArrayRef whole, const Settings& settings) : maps(normalized) {
    const int64_t pixels = maps.numel() / std::max<int64_t>(1, maps.size(1));
    TORCH_CHECK(pixels > 0 && pixels <= INT32_MAX && maps.size(1) % EIGHT == 0, "a fused stage does not know maps of ",
                maps.sizes());
    work.rows = unsigned(whole[2]);
    work.columns = unsigned(whole[3]);
    work.channels = unsigned(maps.size(1));
    work.pixels = unsigned(pixels);
    work.activation = int(settings.activation);
    work.join = int(settings.join);
    work.momentum = float(settings.momentum);
    work.eps = float(settings.eps);
  }

  // By as many blocks as the GPU has room for, and their sums by `combine` where there is one.
  void reduce(Kernel kernel, const Kernel* combine) {
    const unsigned room = launcher().processors(device()) * BLOCKS_EACH;
    deal(room);
    const Tensor partial = at::empty({int64_t(work.chunks) * 2 * work.channels}, maps.options().dtype(at::kFloat));
    work.partial = floats(partial);
    launch(kernel, work.chunks);
    if (combine) launch(*combine, work.channels / EIGHT);
  }

  // By as many blocks as there is work for.
  void each(Kernel kernel) {
    deal(INT32_MAX);
    launch(kernel, work.chunks);
  }

 private:
  const Tensor& maps;

  int device() const { return maps.is_cuda() ? maps.get_device() : 0; }

  // Deals pixels to `most` blocks at most, each enough to be worth its start.
  void deal(unsigned most) {
    const unsigned rows = THREADS / std::min<unsigned>(THREADS, work.channels / EIGHT);
    work.chunk = std::max(4 * rows, (work.pixels + most - 1) / most);
    work.chunks = (work.pixels + work.chunk - 1) / work.chunk;
  }

  void launch(Kernel kernel, unsigned blocks) { launcher().launch(device(), kind_of(maps), kernel, blocks, work); }
};

}  // namespace

Passed forward(const Tensor& given, const Tensor& bias, const Tensor& mean, const Tensor& variance, const Tensor& other,
               const Settings& settings) {
  const Tensor whole = aligned(given), joined = other.defined() ? aligned(other) : other;
  Passed passed{whole, Tensor(), Tensor(), at::empty_like(bias), at::empty_like(bias)};
  if (settings.pools) {
    passed.input = like(whole, whole.size(2) / 2, whole.size(3) / 2, whole.scalar_type());
    passed.index = like(whole, whole.size(2) / 2, whole.size(3) / 2, at::kByte);
  }
  passed.output = at::empty_like(passed.input);
  if (joined.defined()) check_alike(joined, passed.output, "residual");
  Launches launches(passed.input, whole.sizes(), settings);
  StageWork& work = launches.work;
  work.whole = whole.data_ptr();
  work.input = passed.input.data_ptr();
  work.index = settings.pools ? passed.index.data_ptr<uint8_t>() : nullptr;
  work.joined = joined.defined() ? joined.data_ptr() : nullptr;
  work.output = passed.output.data_ptr();
  work.bias = floats(bias);
  work.running_mean = floats(mean);
  work.running_variance = floats(variance);
  if (!settings.training) {
    passed.scale = at::rsqrt(variance + settings.eps);
    passed.shift = bias - mean * passed.scale;
  }
  work.scale = floats(passed.scale);
  work.shift = floats(passed.shift);
  const Kernel combine = Kernel::combine_moments;
  const Kernel first = settings.pools ? Kernel::pool_moments : Kernel::moments;
  if (settings.training || settings.pools) launches.reduce(first, settings.training ? &combine : nullptr);
  launches.each(Kernel::forward);
  return passed;
}

Gradients backward(const Tensor& given, const Passed& passed, const Tensor& other, const Tensor& bias,
                   at::IntArrayRef whole, const Settings& settings) {
  const Tensor &input = passed.input, gradient = aligned(given), joined = other.defined() ? aligned(other) : other;
  check_alike(gradient, input, "gradient");
  // A residual's gradient is the inner one, so the result lies elsewhere.
  const Gradients found{like(input, whole[2], whole[3], input.scalar_type()), at::empty_like(bias),
                        at::empty_like(input)};
  const Tensor factors = at::empty({2, bias.numel()}, bias.options());
  Launches launches(input, whole, settings);
  StageWork& work = launches.work;
  work.gradient = gradient.data_ptr();
  work.input = input.data_ptr();
  work.index = settings.pools ? passed.index.data_ptr<uint8_t>() : nullptr;
  work.joined = joined.defined() ? joined.data_ptr() : nullptr;
  work.inner = found.inner.data_ptr();
  work.output = found.whole.data_ptr();
  work.bias = floats(bias);
  work.scale = floats(passed.scale);
  work.shift = floats(passed.shift);
  work.sum = floats(found.bias);
  work.by_input = floats(factors);
  work.constant = floats(factors) + bias.numel();
  const Kernel combine = Kernel::combine_sums;
  launches.reduce(Kernel::backward, &combine);
  launches.each(settings.pools ? Kernel::spread : Kernel::center);
  return found;
}

}  // namespace stage::gpu
