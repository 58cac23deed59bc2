// Stand-ins for NVIDIA's libraries that pretend a GPU: its memory is the host's, its kernels do nothing, and what is copied from it
// is zero. So losses are zero and nothing is learned, but every call is made that a session makes. Compiled once for each library,
// with the library's name defined, and FOLDER; `stub_cuda.rs` adds the functions that are not here, which succeed and do nothing.
//
// While a stream is captured it is as strict as CUDA: a call that CUDA refuses then, and work on another stream, fail with error 900.
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Notes what happens, so that a test can count it. In a file, since the trainer is handed no variables that it does not know.
static void note(const char* what) {
  FILE* notes = fopen(FOLDER "/notes", "a");
  if (!notes) return;
  fprintf(notes, "%s\n", what);
  fclose(notes);
}

// Whether this is what is to fail, by the file that a test wrote.
static int fails(const char* what) {
  char named[32] = "";
  FILE* file = fopen(FOLDER "/fails", "r");
  if (!file) return 0;
  const int read = fscanf(file, "%31s", named);
  fclose(file);
  return read == 1 && !strcmp(named, what);
}

#ifdef libcudart
// Layouts and numbers are those of CUDA 13's `driver_types.h`.
struct properties {
  char name[256];
  unsigned char uuid[16];
  char luid[8];
  unsigned luid_mask;
  size_t memory, shared_per_block;
  int registers_per_block, warp;
  size_t pitch;
  int threads_per_block, threads[3], grid[3];
  size_t constants;
  int major, minor;
  size_t texture_alignment, texture_pitch_alignment;
  int processors;
  int unused_sizes[41];
  size_t surface_alignment;
  int concurrent, ecc, bus, device, domain, tcc, engines, unified, bus_width, l2, persisting_l2, threads_per_processor;
  int priorities, global_l1, local_l1;
  size_t shared_per_processor;
  int registers_per_processor;
  int unused_facts[8];
  int cooperative;
  size_t shared_per_block_optin;
  int tables, managed;
  int blocks_per_processor, window;
  size_t reserved_shared;
  int rest[76];
};

enum { SUCCESS = 0, UNSUPPORTED_IN_CAPTURE = 900 };
enum { TO_HOST = 2, ATTRIBUTE_MOST = 200 };
enum { NOT_CAPTURING = 0, CAPTURING = 1, INVALIDATED = 2 };

static const void* captured;  // The stream that is captured.
static int capture_status;
static unsigned long long captures;
static int last_error;
static int launched;  // Work that was captured.

static int refuse(const char* what) {
  note(what);
  capture_status = INVALIDATED;
  return last_error = UNSUPPORTED_IN_CAPTURE;
}

// Work on a stream: while one is captured, on that one only.
static int work(const void* stream, const char* what) {
  if (captured && stream == captured && ++launched == 20 && fails("kernel")) return refuse("a kernel fails");
  return captured && stream != captured ? refuse(what) : SUCCESS;
}

// For the driver's stand-in.
int stand_in_work(const void* stream) { return captured && stream != captured ? refuse("a stage beside the capture") : SUCCESS; }

// What no stream may do while one is captured.
static int outside(const char* what) { return captured ? refuse(what) : SUCCESS; }

static void fill(struct properties* p) {
  memset(p, 0, sizeof *p);
  strcpy(p->name, "Pretended H100");
  for (int i = 0; i < 16; i++) p->uuid[i] = (unsigned char)(16 * i + 1);
  p->memory = 8ull << 30;
  p->shared_per_block = 48 << 10;
  p->registers_per_block = p->registers_per_processor = 65536;
  p->warp = 32;
  p->threads_per_block = p->threads[0] = p->threads[1] = 1024;
  p->threads[2] = 64;
  p->grid[0] = 2147483647;
  p->grid[1] = p->grid[2] = 65535;
  p->major = 9;
  p->processors = 132;
  p->texture_alignment = 512;
  p->concurrent = p->unified = p->priorities = p->cooperative = 1;
  p->l2 = 50 << 20;
  p->threads_per_processor = 2048;
  p->shared_per_processor = 228 << 10;
  p->shared_per_block_optin = 227 << 10;
  p->blocks_per_processor = 32;
}

int cudaGetDeviceCount(int* count) { *count = 1; return SUCCESS; }
int cudaGetDevice(int* device) { *device = 0; return SUCCESS; }
int cudaDriverGetVersion(int* version) { *version = 13000; return SUCCESS; }
int cudaRuntimeGetVersion(int* version) { *version = 13000; return SUCCESS; }
int cudaGetDeviceProperties(struct properties* p, int device) { fill(p); return SUCCESS; }
const char* cudaGetErrorString(int error) { return error == UNSUPPORTED_IN_CAPTURE ? "operation not permitted when stream is capturing" : "as a driver says it"; }
const char* cudaGetErrorName(int error) { return "cudaErrorOfTheStandIn"; }
int cudaGetLastError(void) { int error = last_error; last_error = SUCCESS; return error; }
int cudaPeekAtLastError(void) { return last_error; }

int cudaDeviceGetAttribute(int* value, int attribute, int device) {
  static const int known[ATTRIBUTE_MOST] = {[1] = 1024, [2] = 1024, [3] = 1024, [4] = 64, [5] = 2147483647, [6] = 65535, [7] = 65535,
      [8] = 48 << 10, [10] = 32, [12] = 65536, [16] = 132, [31] = 1, [39] = 2048, [41] = 1, [75] = 9, [78] = 1, [81] = 228 << 10,
      [82] = 65536, [95] = 1, [97] = 227 << 10, [106] = 32};
  *value = attribute < ATTRIBUTE_MOST ? known[attribute] : 0;
  return SUCCESS;
}

// Static and local memory, most threads, registers, PTX and binary versions, most dynamic memory: what launches are sized by.
int cudaFuncGetAttributes(void* attributes, const void* function) {
  struct { size_t shared, constants, local; int threads, registers, ptx, binary, cache, dynamic, rest[24]; } found = {0};
  found.threads = 1024, found.registers = 32, found.ptx = found.binary = 90, found.dynamic = 48 << 10;
  memcpy(attributes, &found, 144);
  return SUCCESS;
}
int cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* f, int threads, size_t shared) { *blocks = 2; return SUCCESS; }
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* f, int threads, size_t shared, unsigned flags) { *blocks = 2; return SUCCESS; }
int cudaPointerGetAttributes(void* attributes, const void* pointer) { memset(attributes, 0, 24); return SUCCESS; }
int cudaDeviceGetStreamPriorityRange(int* least, int* greatest) { *least = 0; *greatest = -5; return SUCCESS; }
int cudaDeviceGetPCIBusId(char* text, int length, int device) { snprintf(text, length, "0000:01:00.0"); return SUCCESS; }

static int allocate(void** memory, size_t bytes) {
  *memory = aligned_alloc(512, (bytes + 511) / 512 * 512);
  if (!*memory) return last_error = 2;
  memset(*memory, 0, bytes);
  return SUCCESS;
}
// libtorch asks for memory in a mode that allows it while it captures.
int cudaMalloc(void** memory, size_t bytes) {
  return captured && fails("memory") ? (last_error = 2) : allocate(memory, bytes);
}
int cudaHostAlloc(void** memory, size_t bytes, unsigned flags) { return allocate(memory, bytes); }
int cudaFree(void* memory) { free(memory); return SUCCESS; }
int cudaFreeHost(void* memory) { free(memory); return SUCCESS; }
int cudaMemGetInfo(size_t* unused, size_t* total) { *unused = 7ull << 30; *total = 8ull << 30; return SUCCESS; }

static int copy(void* to, const void* from, size_t bytes, int kind) {
  if (kind == TO_HOST) memset(to, 0, bytes); else memmove(to, from, bytes);
  return SUCCESS;
}
int cudaMemcpy(void* to, const void* from, size_t bytes, int kind) {
  int failed = outside("cudaMemcpy in a capture");
  return failed ? failed : copy(to, from, bytes, kind);
}
int cudaMemcpyAsync(void* to, const void* from, size_t bytes, int kind, void* stream) {
  int failed = work(stream, "a copy beside the capture");
  return failed ? failed : copy(to, from, bytes, kind);
}
int cudaMemset(void* to, int value, size_t bytes) { memset(to, value, bytes); return outside("cudaMemset in a capture"); }
int cudaMemsetAsync(void* to, int value, size_t bytes, void* stream) { memset(to, value, bytes); return work(stream, "a fill beside the capture"); }
int cudaGetSymbolAddress(void** address, const void* symbol) { static char place[1 << 16]; *address = place; return SUCCESS; }

struct dimensions { unsigned x, y, z; };
struct launch { struct dimensions grid, block; size_t shared; void* stream; void* attributes; unsigned count; };
int cudaLaunchKernel(const void* f, struct dimensions g, struct dimensions b, void** a, size_t shared, void* stream) { return work(stream, "a kernel beside the capture"); }
int __cudaLaunchKernel(const void* f, struct dimensions g, struct dimensions b, void** a, size_t shared, void* stream) { return work(stream, "a kernel beside the capture"); }
int cudaLaunchCooperativeKernel(const void* f, struct dimensions g, struct dimensions b, void** a, size_t shared, void* stream) { return work(stream, "a kernel beside the capture"); }
int cudaLaunchKernelExC(const struct launch* how, const void* f, void** a) { return work(how->stream, "a kernel beside the capture"); }
static _Thread_local struct { struct dimensions grid, block; size_t shared; void* stream; } pushed;
unsigned __cudaPushCallConfiguration(struct dimensions g, struct dimensions b, size_t shared, void* stream) {
  pushed.grid = g, pushed.block = b, pushed.shared = shared, pushed.stream = stream;
  return SUCCESS;
}
int __cudaPopCallConfiguration(struct dimensions* g, struct dimensions* b, size_t* shared, void** stream) {
  *g = pushed.grid, *b = pushed.block, *shared = pushed.shared, *stream = pushed.stream;
  return SUCCESS;
}
void** __cudaRegisterFatBinary(void* binary) { static void* handle[4]; return handle; }
int __cudaGetKernel(void** kernel, const void* function) { *kernel = (void*)function; return SUCCESS; }
static int nothing(void) { return SUCCESS; }
int cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned version, unsigned long long flags, int* found) {
  *function = (void*)nothing;
  if (found) *found = SUCCESS;
  return SUCCESS;
}

int cudaStreamCreateWithPriority(void** stream, unsigned flags, int priority) { *stream = malloc(16); return SUCCESS; }
int cudaEventCreate(void** event) { *event = malloc(16); return SUCCESS; }
int cudaEventCreateWithFlags(void** event, unsigned flags) { *event = malloc(16); return SUCCESS; }
int cudaEventDestroy(void* event) { free(event); return SUCCESS; }
int cudaEventElapsedTime(float* milliseconds, void* begin, void* end) { *milliseconds = 1; return SUCCESS; }
int cudaEventQuery(void* event) { return outside("cudaEventQuery in a capture"); }
int cudaEventSynchronize(void* event) { return outside("cudaEventSynchronize in a capture"); }
int cudaEventRecord(void* event, void* stream) { return work(stream, "an event beside the capture"); }
int cudaEventRecordWithFlags(void* event, void* stream, unsigned flags) { return work(stream, "an event beside the capture"); }
int cudaStreamWaitEvent(void* stream, void* event, unsigned flags) { return work(stream, "a stream that waits beside the capture"); }
int cudaStreamQuery(void* stream) { return outside("cudaStreamQuery in a capture"); }
int cudaStreamSynchronize(void* stream) { return outside("cudaStreamSynchronize in a capture"); }
// Takes a while, since no GPU multiplies matrices in no time.
int cudaDeviceSynchronize(void) {
  usleep(10000);
  return outside("cudaDeviceSynchronize in a capture");
}

int cudaStreamBeginCapture(void* stream, int mode) {
  if (fails("begin")) return last_error = UNSUPPORTED_IN_CAPTURE;
  note("capture begins");
  launched = 0;
  captured = stream, capture_status = CAPTURING, captures++;
  return SUCCESS;
}
int cudaStreamEndCapture(void* stream, void** graph) {
  if (!captured) return last_error = 401;
  int failed = capture_status == INVALIDATED ? 901 : SUCCESS;
  captured = NULL, capture_status = NOT_CAPTURING;
  if (fails("end")) failed = UNSUPPORTED_IN_CAPTURE;
  *graph = failed ? NULL : malloc(16);
  note(failed ? "capture fails" : launched > 30 ? "capture ends" : "nearly nothing was captured");
  return last_error = failed;
}
static int status_of(const void* stream) { return captured == stream && captured ? capture_status : NOT_CAPTURING; }
int cudaStreamIsCapturing(void* stream, int* status) { *status = status_of(stream); return SUCCESS; }
int cudaStreamGetCaptureInfo(void* stream, int* status, unsigned long long* id, void** graph, void** dependencies, void** edges, size_t* count) {
  // libtorch asks this of each stream that wants memory while it believes that one is captured.
  if (!captured) note("libtorch believes in a capture");
  *status = status_of(stream);
  if (id) *id = captures;
  return SUCCESS;
}
int cudaGraphGetNodes(void* graph, void** nodes, size_t* count) { *count = 1; return SUCCESS; }
int cudaGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long flags) { *executable = malloc(16); return SUCCESS; }
int cudaGraphLaunch(void* executable, void* stream) {
  note("replay");
  if (fails("replay")) return last_error = 700;
  return outside("cudaGraphLaunch in a capture");
}
#endif

#ifdef libcudnn
static int make(void** descriptor) { *descriptor = calloc(1, 256); return 0; }
size_t cudnnGetVersion(void) { return 91900; }
size_t cudnnGetCudartVersion(void) { return 13000; }
const char* cudnnGetErrorString(int status) { return "a status of the stand-in"; }
void cudnnGetLastErrorString(char* text, size_t size) { snprintf(text, size, "none"); }
int cudnnCreate(void** handle) { return make(handle); }
int cudnnCreateTensorDescriptor(void** descriptor) { return make(descriptor); }
int cudnnCreateFilterDescriptor(void** descriptor) { return make(descriptor); }
int cudnnCreateConvolutionDescriptor(void** descriptor) { return make(descriptor); }
int cudnnCreateActivationDescriptor(void** descriptor) { return make(descriptor); }
int cudnnBackendCreateDescriptor(int type, void** descriptor) { return make(descriptor); }

// One engine for every operation, with neither notes nor knobs nor a workspace.
int cudnnBackendGetAttribute(void* descriptor, int name, int type, int64_t asked, int64_t* count, void* found) {
  enum { INT64 = 3, KNOB_CHOICES = 302, NUMERICAL_NOTE = 1303, BEHAVIOR_NOTE = 1305 };
  int64_t answer = name != KNOB_CHOICES && name != NUMERICAL_NOTE && name != BEHAVIOR_NOTE;
  if (count) *count = answer;
  if (answer && found && asked > 0 && type == INT64) *(int64_t*)found = 0;
  return 0;
}
int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(void* h, int m, int o, void* x, void* z, void* y, void* s, void* a, size_t* size) { *size = 0; return 0; }
int cudnnGetBatchNormalizationBackwardExWorkspaceSize(void* h, int m, int o, void* x, void* y, void* dy, void* dz, void* dx, void* s, void* a, size_t* size) { *size = 0; return 0; }
int cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void* h, int m, int o, void* a, void* x, size_t* size) { *size = 0; return 0; }
#endif

#ifdef libcublas
int cublasCreate_v2(void** handle) { *handle = calloc(1, 256); return 0; }
int cublasGetMathMode(void* handle, int* mode) { *mode = 0; return 0; }
int cublasGetPointerMode_v2(void* handle, int* mode) { *mode = 0; return 0; }
#endif

#ifdef libcublasLt
size_t cublasLtGetVersion(void) { return 130100; }
#endif

#ifdef libcuda
#include <dlfcn.h>
// A context is there, which libtorch asks before it allocates.
int cuCtxGetCurrent(void** context) { static int own; *context = &own; return 0; }
int cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active) { *flags = 0; *active = 1; return 0; }
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 16 ? 132 : attribute == 75 ? 9 : 0;
  return 0;
}
// What may be launched while a stream is captured is the runtime's to say.
int cuLaunchKernel(void* f, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz, unsigned shared, void* stream, void** a, void** extra) {
  void* runtime = dlopen("libcudart.so.13", RTLD_LAZY | RTLD_NOLOAD);
  int (*ask)(void*) = runtime ? dlsym(runtime, "stand_in_work") : NULL;
  if (fails("launch") || !ask || !x || bx != 256) return 1;
  note("a stage is launched");
  return ask(stream);
}
#endif

#ifdef libnvrtc
int nvrtcCompileProgram(void* program, int count, const char** options) {
  note(options[0]);
  return fails("compile") ? 6 : 0;
}
static const char LOG[] = "stage_gpu.h(1): error: as a compiler says it\n";
int nvrtcGetProgramLogSize(void* program, size_t* size) { *size = sizeof LOG; return 0; }
int nvrtcGetProgramLog(void* program, char* log) { memcpy(log, LOG, sizeof LOG); return 0; }
#endif
