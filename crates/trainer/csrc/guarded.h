// What Rust calls must not throw.
#pragma once

#include <c10/util/Exception.h>

#include <string>

namespace hlb {

// Null where `work` succeeds; otherwise the text of what failed, which lives until the thread's next call.
template <class Work>
const char* guarded(Work&& work) noexcept {
  static thread_local std::string text;
  try {
    work();
    return nullptr;
  } catch (const c10::Error& error) {
    text = error.what_without_backtrace();
  } catch (const std::exception& error) {
    text = error.what();
  } catch (...) {
    text = "an exception without a text";
  }
  return text.c_str();
}

}  // namespace hlb
