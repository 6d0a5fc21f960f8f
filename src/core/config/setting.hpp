// Setting<T>: one configured value that knows whether it was written down, and inherits when it was not.
#pragma once

#include <utility>

namespace berth {

// Constructed with its default. set() is what a directive does; inherit() is what an inner block does with
// the value of the block around it; value() is what it came to.
template <class T>
class Setting {
 public:
    Setting() = default;
    explicit(false) Setting(T fallback) : value_(std::move(fallback)) {}

    const T& value() const noexcept { return value_; }
    const T& operator*() const noexcept { return value_; }
    const T* operator->() const noexcept { return &value_; }
    bool is_set() const noexcept { return set_; }

    void set(T value) {
        value_ = std::move(value);
        set_ = true;
    }
    // For repeatable directives, which add to what this block has said so far.
    T& edit() {
        if (!set_) value_ = T{};
        set_ = true;
        return value_;
    }
    void inherit(const Setting& outer) {
        if (!set_) *this = outer;
    }

 private:
    T value_{};
    bool set_ = false;
};

}  // namespace berth
