// A 3x3 convolution of small maps, whose weights' gradient is one product of matrices.
#include <torch/csrc/autograd/custom_function.h>

#include <ATen/ops/conv2d.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include "guarded.h"

namespace {

using at::Tensor;

// What each pixel's filter sees, [pixels, 9 * channels], of maps with a border of zeros.
Tensor patches(const Tensor& maps) {
  const int64_t images = maps.size(0), channels = maps.size(1), rows = maps.size(2), columns = maps.size(3);
  const Tensor bordered = at::zeros({images, rows + 2, columns + 2, channels}, maps.options());
  bordered.narrow(1, 1, rows).narrow(2, 1, columns).copy_(maps.permute({0, 2, 3, 1}));
  const auto step = bordered.strides();
  return bordered.as_strided({images, rows, columns, 3, 3 * channels}, {step[0], step[1], step[2], step[1], 1})
      .reshape({images * rows * columns, 9 * channels});
}

class SmallMaps : public torch::autograd::Function<SmallMaps> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& maps, const Tensor& weight) {
    context->save_for_backward({maps, weight});
    return at::conv2d(maps, weight, {}, 1, 1);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &gradient = gradients[0], &maps = saved[0], &weight = saved[1];
    const Tensor found = std::get<0>(at::convolution_backward(gradient, maps, weight, {}, {1, 1}, {1, 1}, {1, 1}, false,
                                                              {0, 0}, 1, {true, false, false}));
    const int64_t outputs = weight.size(0), inputs = weight.size(1);
    const Tensor by_pixel = gradient.permute({0, 2, 3, 1}).reshape({-1, outputs});
    const Tensor filters = at::matmul(by_pixel.t(), patches(maps)).view({outputs, 3, 3, inputs});
    return {found, filters.permute({0, 3, 1, 2})};
  }
};

}  // namespace

// A new tensor, which the caller owns.
extern "C" const char* hlb_small_maps(const Tensor* maps, const Tensor* weight, Tensor** output) {
  return hlb::guarded([&] { *output = new Tensor(SmallMaps::apply(*maps, *weight)); });
}
