// Result<T>: a value, or the Error that says why there is none. The data path throws nothing.
#pragma once

#include <cassert>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace berth {

// What went wrong, in words that can be shown to a person. `code` is the errno behind it, 0 when there is
// none.
struct Error {
    std::string message;
    int code = 0;

    Error() = default;
    explicit Error(std::string text, int error_number = 0) : message(std::move(text)), code(error_number) {}
};

// "open() "/x" failed (2: No such file or directory)": the form in which every failed system call is
// reported. `error_number` is usually errno; `subject` (a path, an address) may be empty.
Error system_error(std::string_view call, std::string_view subject, int error_number);

// Either a T or an Error. Asking for the one that is not there is a bug and asserts.
template <class T>
class [[nodiscard]] Result {
 public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    T& value() & { return assert(ok()), *std::get_if<0>(&state_); }
    const T& value() const& { return assert(ok()), *std::get_if<0>(&state_); }
    T&& value() && { return assert(ok()), std::move(*std::get_if<0>(&state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T value_or(T fallback) const& { return ok() ? value() : std::move(fallback); }

    const Error& error() const { return assert(!ok()), *std::get_if<1>(&state_); }

 private:
    std::variant<T, Error> state_;
};

// Success that carries nothing, or an Error. `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
 public:
    Result() = default;
    Result(Error error) : error_(std::move(error)), failed_(true) {}

    bool ok() const noexcept { return !failed_; }
    explicit operator bool() const noexcept { return ok(); }
    const Error& error() const { return assert(failed_), error_; }

 private:
    Error error_;
    bool failed_ = false;
};

}  // namespace berth
