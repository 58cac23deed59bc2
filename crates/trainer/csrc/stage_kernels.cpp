// The loops of a stage, compiled once for each width of vector registers: LEVEL names it.

#include "stage_kernels.h"

#include "lanes.h"

namespace stage {
namespace LEVEL {
namespace {

// What a kernel's pointer points to, as `load` and `store` know it.
inline const float* lanes_of(const float* numbers) { return numbers; }
inline float* lanes_of(float* numbers) { return numbers; }
inline const Bfloat* lanes_of(const uint16_t* numbers) { return (const Bfloat*)numbers; }
inline Bfloat* lanes_of(uint16_t* numbers) { return (Bfloat*)numbers; }

template <typename Number>
void moments(const Number* input, long pixels, long channels, float* means, float* squares) {
  for (long channel = 0; channel < channels; channel += LANES) {
    const auto* at = lanes_of(input + channel);
    // Near the mean: of what is far from zero, the difference of two large sums would be left.
    constexpr long LOOKS = 8;
    Floats first = {};
    for (long look = 0; look < LOOKS; ++look) first += load(at + look * pixels / LOOKS * channels) * (1.0f / LOOKS);
    // Several sums of each, so that an addition need not wait for the last, and less is rounded.
    constexpr int SUMS = 4;
    Floats sum[SUMS] = {}, square[SUMS] = {};
    long pixel = 0;
    for (; pixel + SUMS <= pixels; pixel += SUMS) {
      for (int one = 0; one < SUMS; ++one, at += channels) {
        const Floats deviation = load(at) - first;
        sum[one] += deviation;
        square[one] += deviation * deviation;
      }
    }
    for (; pixel < pixels; ++pixel, at += channels) {
      const Floats deviation = load(at) - first;
      sum[0] += deviation;
      square[0] += deviation * deviation;
    }
    const Floats mean = ((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)pixels;
    store(means + channel, first + mean);
    store(squares + channel, ((square[0] + square[1]) + (square[2] + square[3])) - mean * mean * (float)pixels);
  }
}

template <typename Number>
void pool(const Number* whole, Map map, Number* pooled, uint8_t* index) {
  const long right = map.channels, below = map.columns * map.channels;
  for (long row = 0; row < map.rows / 2; ++row) {
    for (long column = 0; column < map.columns / 2; ++column) {
      const Number* corner = whole + 2 * row * below + 2 * column * right;
      for (long channel = 0; channel < map.channels; channel += LANES) {
        const auto* at = lanes_of(corner + channel);
        Floats most = load(at);
        Whole which = {};
        const long places[3] = {right, below, below + right};
        for (int place = 0; place < 3; ++place) {
          const Floats other = load(at + places[place]);
          // Not-a-number is larger than every number.
          const Whole larger = (other > most) | (other != other);
          most = larger ? other : most;
          which = larger ? Whole{} + (place + 1) : which;
        }
        store(lanes_of(pooled + channel), most);
        store(index + channel, which);
      }
      pooled += map.channels;
      index += map.channels;
    }
  }
}

template <typename Act, Join JOIN, typename Number>
void forward_of(const Number* input, const Number* joined, Number* output, long pixels, long channels, Affine affine) {
  for (long channel = 0; channel < channels; channel += LANES) {
    const Floats scale = load(affine.scale + channel), shift = load(affine.shift + channel);
    for (long at = channel; at < pixels * channels; at += channels) {
      Floats inner = load(lanes_of(input + at)) * scale + shift;
      if (JOIN == Join::before_activation) inner += load(lanes_of(joined + at));
      Floats outer = Act::value(inner);
      if (JOIN == Join::after_activation) outer += load(lanes_of(joined + at));
      store(lanes_of(output + at), outer);
    }
  }
}

template <typename Act, bool JOINED, typename Number>
void backward_of(const Number* gradient, const Number* input, const Number* joined, Number* inner, long pixels,
                 long channels, Affine affine, const float* bias, float* gradients, float* products) {
  for (long channel = 0; channel < channels; channel += LANES) {
    const Floats scale = load(affine.scale + channel), shift = load(affine.shift + channel);
    const Floats own = load(bias + channel);
    Floats sum = {}, product = {};
    for (long at = channel; at < pixels * channels; at += channels) {
      const Floats normal = load(lanes_of(input + at)) * scale + shift;
      const Floats active = JOINED ? normal + load(lanes_of(joined + at)) : normal;
      const Floats found = load(lanes_of(gradient + at)) * Act::slope(active);
      sum += found;
      product += found * (normal - own);
      store(lanes_of(inner + at), found);
    }
    store(gradients + channel, sum);
    store(products + channel, product);
  }
}

// Gradients of 16 channels in front of the normalization.
struct Centered {
  Floats scale, offset, mean_gradient, mean_product;

  Centered(Affine affine, const float* bias, Centering centering, long channel)
      : scale(load(affine.scale + channel)),
        offset(load(affine.shift + channel) - load(bias + channel)),
        mean_gradient(load(centering.mean_gradient + channel)),
        mean_product(load(centering.mean_product + channel)) {}

  Floats of(Floats inner, Floats input) const {
    return scale * (inner - mean_gradient - (input * scale + offset) * mean_product);
  }
};

template <typename Number>
void center(const Number* inner, const Number* input, Number* result, long pixels, long channels, Affine affine,
            const float* bias, Centering centering) {
  for (long channel = 0; channel < channels; channel += LANES) {
    const Centered centered(affine, bias, centering, channel);
    for (long at = channel; at < pixels * channels; at += channels) {
      store(lanes_of(result + at), centered.of(load(lanes_of(inner + at)), load(lanes_of(input + at))));
    }
  }
}

template <typename Number>
void spread(const Number* inner, const Number* input, const uint8_t* index, Map map, Number* result, Affine affine,
            const float* bias, Centering centering) {
  const long right = map.channels, below = map.columns * map.channels, columns = map.columns / 2;
  for (long channel = 0; channel < map.channels; channel += LANES) {
    const Centered centered(affine, bias, centering, channel);
    for (long row = 0; row < map.rows / 2; ++row) {
      for (long column = 0; column < columns; ++column) {
        const long at = (row * columns + column) * map.channels + channel;
        const Floats found = centered.of(load(lanes_of(inner + at)), load(lanes_of(input + at)));
        const Whole which = load(index + at);
        Number* corner = result + 2 * row * below + 2 * column * right + channel;
        store(lanes_of(corner), which == 0 ? found : Floats{});
        store(lanes_of(corner + right), which == 1 ? found : Floats{});
        store(lanes_of(corner + below), which == 2 ? found : Floats{});
        store(lanes_of(corner + below + right), which == 3 ? found : Floats{});
      }
    }
  }
  const Number zero = 0;
  for (long row = 0; row < map.rows; ++row) {
    const long from = row < map.rows / 2 * 2 ? columns * 2 * right : 0;
    for (long at = from; at < below; ++at) result[row * below + at] = zero;
  }
}

template <typename Act, typename Number>
void forward_joined(const Number* input, const Number* joined, Number* output, long pixels, long channels,
                    Affine affine, Join join) {
  switch (join) {
    case Join::none:
      return forward_of<Act, Join::none>(input, joined, output, pixels, channels, affine);
    case Join::before_activation:
      return forward_of<Act, Join::before_activation>(input, joined, output, pixels, channels, affine);
    case Join::after_activation:
      return forward_of<Act, Join::after_activation>(input, joined, output, pixels, channels, affine);
  }
}

template <typename Number>
void forward(const Number* input, const Number* joined, Number* output, long pixels, long channels, Affine affine,
             Activation activation, Join join) {
  switch (activation) {
    case Activation::gelu:
      return forward_joined<Gelu>(input, joined, output, pixels, channels, affine, join);
    case Activation::silu:
      return forward_joined<Silu>(input, joined, output, pixels, channels, affine, join);
    case Activation::relu:
      return forward_joined<Relu>(input, joined, output, pixels, channels, affine, join);
    case Activation::identity:
      return forward_joined<Identity>(input, joined, output, pixels, channels, affine, join);
  }
}

template <typename Act, typename Number, typename... Rest>
void backward_joined(bool joins, const Number* gradient, Rest... rest) {
  return joins ? backward_of<Act, true, Number>(gradient, rest...) : backward_of<Act, false, Number>(gradient, rest...);
}

template <typename Number>
void backward(const Number* gradient, const Number* input, const Number* joined, Number* inner, long pixels,
              long channels, Affine affine, const float* bias, Activation activation, Join join, float* gradients,
              float* products) {
  const bool joins = join == Join::before_activation;
  const auto with = [&](auto act) {
    using Act = decltype(act);
    backward_joined<Act, Number>(joins, gradient, input, joined, inner, pixels, channels, affine, bias, gradients,
                                 products);
  };
  switch (activation) {
    case Activation::gelu:
      return with(Gelu());
    case Activation::silu:
      return with(Silu());
    case Activation::relu:
      return with(Relu());
    case Activation::identity:
      return with(Identity());
  }
}

template <typename Number>
Kernels<Number> all_of() {
  return {moments<Number>, pool<Number>, forward<Number>, backward<Number>, center<Number>, spread<Number>};
}

}  // namespace

Set kernels() { return {all_of<float>(), all_of<uint16_t>()}; }

}  // namespace LEVEL
}  // namespace stage
