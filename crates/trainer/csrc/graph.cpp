// CUDA graphs of libtorch, which tch does not bind: work is captured once, on a stream of its own, and replayed.
//
// The trainer links only the CPU half of libtorch, so functions of the CUDA half are looked up by their symbols when
// they are called. A member function is called as a function whose first argument is the object (Itanium C++ ABI).
#include "guarded.h"

#if __has_include(<ATen/cuda/CUDAGraph.h>)

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <atomic>
#include <new>

namespace {

using at::cuda::CUDAGraph;
using c10::cuda::CUDACachingAllocator::CUDAAllocator;

void* symbol(const char* name) {
  void* found = dlsym(RTLD_DEFAULT, name);
  TORCH_CHECK(found != nullptr, "this libtorch has no ", name);
  return found;
}

template <class Result, class... Arguments>
Result call(const char* name, Arguments... arguments) {
  return reinterpret_cast<Result (*)(Arguments...)>(symbol(name))(arguments...);
}

CUDAAllocator* allocator() {
  return static_cast<std::atomic<CUDAAllocator*>*>(symbol("_ZN3c104cuda20CUDACachingAllocator9allocatorE"))->load();
}

// A stream beside the current one, which it replaces until it is left.
struct Aside {
  c10::impl::VirtualGuardImpl guard{c10::kCUDA};
  c10::Stream before = guard.getStream(guard.getDevice());
};

struct Graph {
  // Memory of graphs alone, which several may have in common.
  c10::MempoolId_t pool;
  alignas(CUDAGraph) unsigned char storage[sizeof(CUDAGraph)];

  CUDAGraph* get() { return reinterpret_cast<CUDAGraph*>(storage); }
};

}  // namespace

extern "C" {

// Everything that was begun is done before the new stream is current: what it will read is there.
const char* hlb_aside_enter(Aside** entered) {
  return hlb::guarded([&] {
    auto aside = std::make_unique<Aside>();
    const c10::Device device = aside->before.device();
    aside->guard.synchronizeDevice(device.index());
    aside->guard.exchangeStream(aside->guard.getStreamFromGlobalPool(device));
    *entered = aside.release();
  });
}

const char* hlb_aside_leave(Aside* aside) {
  return hlb::guarded([&] {
    const std::unique_ptr<Aside> owned(aside);
    owned->guard.exchangeStream(owned->before);
    owned->guard.synchronizeDevice(owned->before.device_index());
  });
}

// Begins to capture the current stream, in memory of the graph's own or of `shared`, whose results are alive.
//
// Why the mode is global: the backward pass runs in a thread of libtorch's, and a call of that thread that cannot be
// captured has to end the capture, not to happen in the middle of it. A thread that asks for memory says so to CUDA and
// is let through.
const char* hlb_graph_begin(Graph** begun, Graph* shared) {
  return hlb::guarded([&] {
    const c10::MempoolId_t pool =
        shared != nullptr ? shared->pool : call<c10::MempoolId_t>("_ZN2at4cuda17graph_pool_handleEv");
    *begun = new Graph{pool, {}};
    call<void>("_ZN2at4cuda9CUDAGraphC1Eb", (*begun)->get(), false);
    call<void>("_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode", (*begun)->get(), pool,
               cudaStreamCaptureModeGlobal);
  });
}

const char* hlb_graph_end(Graph* graph) {
  return hlb::guarded([&] { call<void>("_ZN2at4cuda9CUDAGraph11capture_endEv", graph->get()); });
}

// After a failure between begin and end: the stream computes again, and memory comes from where it came before.
// libtorch itself does not clean up if a capture cannot be ended. The graph is not freed, since libtorch may still ask
// it.
void hlb_graph_abandon(Graph* graph) {
  hlb::guarded([&] { call<void>("_ZN2at4cuda9CUDAGraph11capture_endEv", graph->get()); });
  const c10::impl::VirtualGuardImpl guard{c10::kCUDA};
  hlb::guarded([&] { allocator()->endAllocateToPool(guard.getDevice().index(), graph->pool); });
  hlb::guarded([&] { at::getHostAllocator(c10::kCUDA)->end_allocate_to_pool(graph->pool); });
  hlb::guarded([&] { allocator()->releasePool(guard.getDevice().index(), graph->pool); });
}

const char* hlb_graph_replay(Graph* graph) {
  return hlb::guarded([&] { call<void>("_ZN2at4cuda9CUDAGraph6replayEv", graph->get()); });
}

void hlb_graph_free(Graph* graph) {
  hlb::guarded([&] { call<void>("_ZN2at4cuda9CUDAGraphD1Ev", graph->get()); });
  delete graph;
}

// Gives back all memory of the GPU that is not in use.
const char* hlb_empty_cache() {
  return hlb::guarded([&] { c10::getDeviceAllocator(c10::kCUDA)->emptyCache(); });
}

}  // extern "C"

#else  // The headers of a libtorch for CPUs.

namespace {
const char* const ABSENT = "the trainer was built with a libtorch without CUDA's half";
}

extern "C" {
const char* hlb_aside_enter(void**) { return ABSENT; }
const char* hlb_aside_leave(void*) { return ABSENT; }
const char* hlb_graph_begin(void**, void*) { return ABSENT; }
const char* hlb_graph_end(void*) { return ABSENT; }
void hlb_graph_abandon(void*) {}
const char* hlb_graph_replay(void*) { return ABSENT; }
void hlb_graph_free(void*) {}
const char* hlb_empty_cache() { return ABSENT; }
}

#endif
