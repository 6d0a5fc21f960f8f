// Callback: a function and the object it is called on, in two words; nothing is allocated and nothing is
// owned.
#pragma once

#include <utility>

namespace berth {

template <class... Args>
class Callback {
 public:
    using Function = void (*)(void* self, Args... args);

    constexpr Callback() noexcept = default;
    constexpr Callback(Function function, void* self) noexcept : function_(function), self_(self) {}

    // Callback<>::to<&Master::on_tick>(master): the object must outlive whatever the callback is given to.
    template <auto Method, class T>
    static constexpr Callback to(T& object) noexcept {
        return Callback(
            [](void* self, Args... args) { (static_cast<T*>(self)->*Method)(std::forward<Args>(args)...); },
            &object);
    }

    constexpr explicit operator bool() const noexcept { return function_ != nullptr; }
    void operator()(Args... args) const { function_(self_, std::forward<Args>(args)...); }

 private:
    Function function_ = nullptr;
    void* self_ = nullptr;
};

}  // namespace berth
