// What stands between two convolutions, on the CPU in two passes forward and two backward: pooling, normalization,
// activation and the sum with a residual. PyTorch's own operations read and write every number more than twice as
// often.

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "guarded.h"
#include "stage.h"

using at::Tensor;
using stage::Activation;
using stage::Affine;
using stage::floats;
using stage::Gradients;
using stage::Join;
using stage::like;
using stage::Passed;
using stage::Settings;

Tensor stage::like(const Tensor& maps, long rows, long columns, at::ScalarType kind) {
  return at::empty({maps.size(0), maps.size(1), rows, columns}, maps.options().dtype(kind),
                   at::MemoryFormat::ChannelsLast);
}

namespace {

// The widest vector registers that may be used: 0, 1 or 2. A test tries each.
int widest = 2;

const stage::Set& kernels() {
#ifdef __x86_64__
  static const bool has_avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  static const stage::Set wide = stage::avx512::kernels(), narrow = stage::avx2::kernels();
  if (widest > 1 && has_avx512) return wide;
  if (widest > 0 && has_avx2) return narrow;
#endif
  static const stage::Set least = stage::baseline::kernels();
  return least;
}

template <typename Number>
const stage::Kernels<Number>& kernels_of();
template <>
const stage::Kernels<float>& kernels_of() {
  return kernels().single;
}
template <>
const stage::Kernels<uint16_t>& kernels_of() {
  return kernels().bfloat;
}

template <typename Number>
Number* numbers(const Tensor& tensor) {
  return tensor.defined() ? static_cast<Number*>(tensor.data_ptr()) : nullptr;
}

// Images in the parts that threads take, and their pixels.
//
// The parts do not depend on the number of threads, and neither do sums over them.
struct Parts {
  long images, pixels, channels, size, count;

  explicit Parts(const Tensor& maps)
      : images(maps.size(0)),
        pixels(maps.size(2) * maps.size(3)),
        channels(maps.size(1)),
        size(std::max(1L, 256 / std::max(1L, pixels))),
        count((images + size - 1) / size) {}

  // Images of a part.
  long in(long part) const { return std::min(size, images - part * size); }

  // Calls `work(part, first image, images)` in all threads.
  template <typename Work>
  void each(const Work& work) const {
    at::parallel_for(0, count, 1, [&](long from, long to) {
      for (long part = from; part < to; ++part) work(part, part * size, in(part));
    });
  }
};

stage::Map map_of(const Tensor& maps) { return {maps.size(2), maps.size(3), maps.size(1)}; }

template <typename Number>
void pool(const Tensor& whole, const Tensor& pooled, const Tensor& index) {
  const Parts parts(pooled);
  const long length = whole.numel() / parts.images;
  parts.each([&](long, long from, long count) {
    for (long image = from; image < from + count; ++image) {
      const long at = image * parts.pixels * parts.channels;
      kernels_of<Number>().pool(numbers<Number>(whole) + image * length, map_of(whole), numbers<Number>(pooled) + at,
                                numbers<uint8_t>(index) + at);
    }
  });
}

struct Statistics {
  Tensor mean, variance;
};

// Mean and biased variance of each channel, of those of the parts.
template <typename Number>
Statistics statistics(const Tensor& input, const Tensor& like) {
  const Parts parts(input);
  const long channels = parts.channels;
  std::vector<float> found(parts.count * channels * 2);
  parts.each([&](long part, long from, long count) {
    float* means = found.data() + part * channels * 2;
    kernels_of<Number>().moments(numbers<Number>(input) + from * parts.pixels * channels, count * parts.pixels,
                                 channels, means, means + channels);
  });
  Statistics statistics{at::empty_like(like), at::empty_like(like)};
  for (long channel = 0; channel < channels; ++channel) {
    double pixels = 0, mean = 0, squares = 0;
    for (long part = 0; part < parts.count; ++part) {
      const float* moments = found.data() + part * channels * 2 + channel;
      const double more = double(parts.in(part)) * double(parts.pixels), apart = moments[0] - mean;
      squares += moments[channels] + apart * apart * pixels * more / (pixels + more);
      pixels += more;
      mean += apart * more / pixels;
    }
    floats(statistics.mean)[channel] = float(mean);
    floats(statistics.variance)[channel] = float(squares / pixels);
  }
  return statistics;
}

Affine affine_of(const Passed& passed) { return {floats(passed.scale), floats(passed.shift)}; }

template <typename Number>
Tensor activated(const Tensor& input, const Tensor& joined, const Affine& affine, const Settings& settings) {
  Tensor output = at::empty_like(input);
  const Parts parts(input);
  parts.each([&](long, long from, long count) {
    const long at = from * parts.pixels * parts.channels;
    const Number* other = joined.defined() ? numbers<Number>(joined) + at : nullptr;
    kernels_of<Number>().forward(numbers<Number>(input) + at, other, numbers<Number>(output) + at, count * parts.pixels,
                                 parts.channels, affine, settings.activation, settings.join);
  });
  return output;
}

// The gradient in front of the normalization's bias, and per channel its mean and that of its product with what is
// normalized.
struct Inner {
  Tensor gradient, mean_gradient, mean_product, sum;
};

template <typename Number>
Inner inner_gradient(const Tensor& gradient, const Tensor& input, const Tensor& joined, const Affine& affine,
                     const Tensor& bias, const Settings& settings) {
  const Parts parts(input);
  const long channels = parts.channels;
  Inner inner{at::empty_like(input), at::empty_like(bias), at::empty_like(bias), at::empty_like(bias)};
  std::vector<float> found(parts.count * channels * 2);
  parts.each([&](long part, long from, long count) {
    const long at = from * parts.pixels * channels;
    float* sums = found.data() + part * channels * 2;
    const Number* other = settings.join == Join::before_activation ? numbers<Number>(joined) + at : nullptr;
    kernels_of<Number>().backward(numbers<Number>(gradient) + at, numbers<Number>(input) + at, other,
                                  numbers<Number>(inner.gradient) + at, count * parts.pixels, channels, affine,
                                  floats(bias), settings.activation, settings.join, sums, sums + channels);
  });
  const double pixels = double(parts.images) * double(parts.pixels);
  for (long channel = 0; channel < channels; ++channel) {
    double sum = 0, product = 0;
    for (long part = 0; part < parts.count; ++part) {
      sum += found[part * channels * 2 + channel];
      product += found[part * channels * 2 + channels + channel];
    }
    floats(inner.sum)[channel] = float(sum);
    floats(inner.mean_gradient)[channel] = float(sum / pixels);
    floats(inner.mean_product)[channel] = float(product / pixels);
  }
  return inner;
}

template <typename Number>
Tensor input_gradient(const Inner& inner, const Tensor& input, const Tensor& index, std::vector<int64_t> whole,
                      const Affine& affine, const Tensor& bias, bool pools) {
  const Parts parts(input);
  // A residual's gradient is the inner one, which must then stay what it is.
  Tensor result = like(input, whole[2], whole[3], input.scalar_type());
  const stage::Centering centering{floats(inner.mean_gradient), floats(inner.mean_product)};
  parts.each([&](long, long from, long count) {
    const long length = parts.pixels * parts.channels;
    const auto at = [&](const Tensor& tensor, long image) { return numbers<Number>(tensor) + image * length; };
    if (!pools) {
      return kernels_of<Number>().center(at(inner.gradient, from), at(input, from), at(result, from),
                                         count * parts.pixels, parts.channels, affine, floats(bias), centering);
    }
    for (long image = from; image < from + count; ++image) {
      kernels_of<Number>().spread(at(inner.gradient, image), at(input, image), numbers<uint8_t>(index) + image * length,
                                  map_of(result), numbers<Number>(result) + image * (result.numel() / parts.images),
                                  affine, floats(bias), centering);
    }
  });
  return result;
}

// Calls `work` with the type of the tensor's numbers.
template <typename Work>
auto by_kind(const Tensor& tensor, const Work& work) {
  if (tensor.scalar_type() == at::kFloat) return work(float());
  TORCH_CHECK(tensor.scalar_type() == at::kBFloat16, "a fused stage knows float and bfloat16 only");
  return work(uint16_t());
}

// Moves running statistics towards those of a batch.
//
// Past autograd, as libtorch's own normalization does: in a network of both, that one has kept the same tensor.
void approach(const Tensor& running, const Tensor& found, double times, double share) {
  for (long channel = 0; channel < running.numel(); ++channel) {
    float& kept = floats(running)[channel];
    kept = float(kept + share * (times * floats(found)[channel] - kept));
  }
}

Passed forward(const Tensor& whole, const Tensor& bias, const Statistics& running, const Tensor& joined,
               const Settings& settings) {
  return by_kind(whole, [&](auto number) {
    using Number = decltype(number);
    Passed passed{whole, Tensor(), Tensor(), Tensor(), Tensor()};
    if (settings.pools) {
      passed.input = like(whole, whole.size(2) / 2, whole.size(3) / 2, whole.scalar_type());
      passed.index = like(whole, whole.size(2) / 2, whole.size(3) / 2, at::kByte);
      pool<Number>(whole, passed.input, passed.index);
    }
    Statistics found = running;
    if (settings.training) {
      found = statistics<Number>(passed.input, running.mean);
      const double pixels = double(passed.input.numel() / passed.input.size(1));
      approach(running.mean, found.mean, 1, settings.momentum);
      approach(running.variance, found.variance, pixels / std::max(1.0, pixels - 1), settings.momentum);
    }
    passed.scale = at::rsqrt(found.variance + settings.eps);
    passed.shift = bias - found.mean * passed.scale;
    passed.output = activated<Number>(passed.input, joined, affine_of(passed), settings);
    return passed;
  });
}

Gradients backward(const Tensor& gradient, const Passed& passed, const Tensor& joined, const Tensor& bias,
                   const std::vector<int64_t>& whole, const Settings& settings) {
  return by_kind(passed.input, [&](auto number) {
    using Number = decltype(number);
    const Affine affine = affine_of(passed);
    const Inner inner = inner_gradient<Number>(gradient.contiguous(at::MemoryFormat::ChannelsLast), passed.input,
                                               joined, affine, bias, settings);
    const Tensor found = input_gradient<Number>(inner, passed.input, passed.index, whole, affine, bias, settings.pools);
    return Gradients{found, inner.sum, inner.gradient};
  });
}

bool is_for_gpus(const Tensor& maps) { return maps.is_cuda() || stage::gpu::is_emulated(); }

class Stage : public torch::autograd::Function<Stage> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& whole, const Tensor& bias, Tensor mean,
                        Tensor variance, const std::optional<Tensor>& residual, Settings settings) {
    const Tensor joined = residual.value_or(Tensor());
    const Passed passed = is_for_gpus(whole) ? stage::gpu::forward(whole, bias, mean, variance, joined, settings)
                                             : ::forward(whole, bias, {mean, variance}, joined, settings);
    if (!settings.training) return passed.output;
    const Tensor kept = settings.join == Join::before_activation ? joined : Tensor();
    context->save_for_backward({passed.input, passed.index, bias, passed.scale, passed.shift, kept});
    context->saved_data["pools"] = settings.pools;
    context->saved_data["activation"] = int64_t(settings.activation);
    context->saved_data["join"] = int64_t(settings.join);
    context->saved_data["whole"] = whole.sizes().vec();
    return passed.output;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &gradient = gradients[0], &bias = saved[2], &joined = saved[5];
    const Passed passed{saved[0], saved[1], Tensor(), saved[3], saved[4]};
    const auto number = [&](const char* name) { return context->saved_data[name].toInt(); };
    const Settings settings{
        context->saved_data["pools"].toBool(), true, Activation(number("activation")), Join(number("join")), 0, 0};
    const std::vector<int64_t> whole = context->saved_data["whole"].toIntVector();
    const Gradients found = is_for_gpus(passed.input)
                                ? stage::gpu::backward(gradient, passed, joined, bias, whole, settings)
                                : ::backward(gradient, passed, joined, bias, whole, settings);
    Tensor other;
    if (settings.join == Join::before_activation) other = found.inner;
    if (settings.join == Join::after_activation) other = gradient;
    return {found.whole, found.bias, Tensor(), Tensor(), other, Tensor()};
  }
};

}  // namespace

// What a stage is made of; the same in `stage.rs`.
struct HlbStage {
  const Tensor *input, *bias, *mean, *variance, *joined;
  double momentum, eps;
  int32_t pools, training, activation, join;
};

// The stage's output, for the caller to own; or why there is none.
extern "C" const char* hlb_stage(const HlbStage* wanted, Tensor** output) {
  return hlb::guarded([&] {
    const Settings settings{wanted->pools != 0, wanted->training != 0, Activation(wanted->activation),
                            Join(wanted->join), wanted->momentum,      wanted->eps};
    const Tensor whole = wanted->input->contiguous(at::MemoryFormat::ChannelsLast);
    std::optional<Tensor> joined;
    if (wanted->joined) joined = wanted->joined->contiguous(at::MemoryFormat::ChannelsLast);
    *output = new Tensor(
        Stage::apply(whole, wanted->bias->to(at::kFloat), *wanted->mean, *wanted->variance, joined, settings));
  });
}

// For tests: no wider registers than these from now on.
extern "C" void hlb_stage_widest(int32_t registers) { widest = registers; }
