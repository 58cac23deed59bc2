// Compiles kernels by NVRTC for the GPU at hand, and launches them by the driver. Both are libraries of NVIDIA's that a
// machine without a GPU lacks, so their functions are looked up when they are first called; they are declared here by
// hand.

#include "gpu_kernels.h"

#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <map>
#include <mutex>
#include <vector>

#include "stage_gpu_source.h"

namespace stage::gpu {
namespace {

#define NAMED(name) #name,
constexpr const char* NAMES[] = {STAGE_KERNELS(NAMED)};
#undef NAMED

// The library of libtorch that links both, and so finds them where they were installed with it; else NVRTC by its own
// name.
void* library() {
  static void* const both = dlopen("libcaffe2_nvrtc.so", RTLD_LAZY);
  static void* const found = both ? both : dlopen("libnvrtc.so.13", RTLD_LAZY);
  TORCH_CHECK(found, "NVRTC cannot be loaded: ", dlerror());
  return found;
}

void* symbol(const char* name) {
  void* const found = dlsym(library(), name);
  TORCH_CHECK(found, "the driver or NVRTC has no function ", name);
  return found;
}

// Calls a function of the libraries; what it returns is an error's number, 0 for none.
template <typename... Arguments>
int call(void* function, Arguments... arguments) {
  return reinterpret_cast<int (*)(Arguments...)>(function)(arguments...);
}

void check(int error, const char* name) { TORCH_CHECK(error == 0, name, " failed with error ", error); }

template <typename... Arguments>
void checked(const char* name, Arguments... arguments) {
  check(call(symbol(name), arguments...), name);
}

using Opaque = struct Object*;

// Attributes of a device, as `cuda.h` of CUDA 13 numbers them.
enum Attribute { PROCESSORS = 16, CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76 };

int attribute(int device, Attribute which) {
  int handle = 0, found = 0;
  checked("cuDeviceGet", &handle, device);
  checked("cuDeviceGetAttribute", &found, int(which), handle);
  return found;
}

// A thread of libtorch's that has used no GPU yet, as one of the backward pass, lacks the context that libtorch made.
void enter_context(int device) {
  Opaque context = nullptr;
  static void* const current = symbol("cuCtxGetCurrent");
  check(call(current, &context), "cuCtxGetCurrent");
  if (context) return;
  int handle = 0;
  checked("cuDeviceGet", &handle, device);
  checked("cuDevicePrimaryCtxRetain", &context, handle);
  checked("cuCtxSetCurrent", context);
}

// Functions of the kernels, one for each, compiled and loaded at the first call for numbers of this kind.
const std::vector<Opaque>& functions(int device, int kind) {
  static std::mutex mutex;
  static std::map<std::pair<int, int>, std::vector<Opaque>> loaded;
  const std::lock_guard<std::mutex> guard(mutex);
  auto& found = loaded[{device, kind}];
  if (found.empty()) {
    std::string log;
    const int capability = attribute(device, CAPABILITY_MAJOR) * 10 + attribute(device, CAPABILITY_MINOR);
    const std::string code = compile(capability, kind, log);
    Opaque module = nullptr;
    checked("cuModuleLoadData", &module, static_cast<const void*>(code.data()));
    std::vector<Opaque> all;
    for (const char* name : NAMES) checked("cuModuleGetFunction", &all.emplace_back(), module, name);
    found = all;
  }
  return found;
}

unsigned processors(int device) {
  static std::mutex mutex;
  static std::map<int, unsigned> counted;
  const std::lock_guard<std::mutex> guard(mutex);
  unsigned& found = counted[device];
  if (!found) found = unsigned(attribute(device, PROCESSORS));
  return found;
}

void launch(int device, int kind, Kernel kernel, unsigned blocks, const StageWork& work) {
  enter_context(device);
  const Opaque function = functions(device, kind)[size_t(kernel)];
  const c10::impl::VirtualGuardImpl guard(c10::DeviceType::CUDA);
  void* const stream = guard.getStream({c10::DeviceType::CUDA, c10::DeviceIndex(device)}).native_handle();
  void* arguments[] = {const_cast<StageWork*>(&work)};
  void** const extra = nullptr;
  // Looked up once, since a step launches a hundred times.
  static void* const launches = symbol("cuLaunchKernel");
  const unsigned threads = THREADS, one = 1, shared = 0;
  check(call(launches, function, blocks, one, one, threads, one, one, shared, stream, &arguments[0], extra),
        "cuLaunchKernel");
}

}  // namespace

const Launcher cuda{processors, launch};

std::string compile(int capability, int kind, std::string& log) {
  const std::string architecture = "--gpu-architecture=sm_" + std::to_string(capability);
  const std::string numbers = "-DKIND=" + std::to_string(kind);
  // The last has the assembler say which registers a kernel takes.
  const char* options[] = {architecture.c_str(), numbers.c_str(), "--std=c++17", "--ptxas-options=-v"};
  Opaque program = nullptr;
  const char* const* none = nullptr;
  checked("nvrtcCreateProgram", &program, stage_gpu_source, "stage", 0, none, none);
  const int count = std::size(options);
  const int error = call(symbol("nvrtcCompileProgram"), program, count, &options[0]);
  size_t size = 0;
  checked("nvrtcGetProgramLogSize", program, &size);
  log.resize(size);
  checked("nvrtcGetProgramLog", program, log.data());
  std::string code;
  if (error == 0) {
    checked("nvrtcGetCUBINSize", program, &size);
    code.resize(size);
    checked("nvrtcGetCUBIN", program, code.data());
  }
  checked("nvrtcDestroyProgram", &program);
  TORCH_CHECK(error == 0, "NVRTC cannot compile for sm_", capability, ", error ", error, ": ", log.c_str());
  return code;
}

}  // namespace stage::gpu
