// Counts the operators that a thread dispatches. Loaded by `audit.rs` into a process with libtorch.
#include <ATen/record_function.h>

#include <map>
#include <memory>
#include <string>

namespace {

thread_local std::map<std::string, long> calls;
thread_local at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;
thread_local std::string text;

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
  ++calls[function.name()];
  return nullptr;
}

}  // namespace

extern "C" void audit_begin() {
  calls.clear();
  handle = at::addThreadLocalCallback(at::RecordFunctionCallback(&begin).scopes({at::RecordScope::FUNCTION}));
}

// Lines of a name and a count, until the next call in this thread.
extern "C" const char* audit_end() {
  at::removeCallback(handle);
  text.clear();
  for (const auto& call : calls) text += call.first + " " + std::to_string(call.second) + "\n";
  return text.c_str();
}
