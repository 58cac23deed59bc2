// libtorch's fused SGD, which tch does not bind.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_sgd_ops.h>

#include "guarded.h"

// One step of one group of parameters, which are a flat tensor each. The momentum begins at zero, so no step is a first
// one.
extern "C" const char* hlb_fused_sgd(const at::Tensor* parameters, const at::Tensor* gradient,
                                     const at::Tensor* momentum, double rate, double decay, double mu, bool nesterov) {
  return hlb::guarded([&] {
    const double dampening = 0.0;
    const bool maximize = false, first = false;
    at::_ops::_fused_sgd_::call(*parameters, *gradient, *momentum, decay, mu, rate, dampening, nesterov, maximize,
                                first, std::nullopt, std::nullopt);
  });
}
