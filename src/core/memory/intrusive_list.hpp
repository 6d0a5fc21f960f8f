// IntrusiveList: a doubly linked list through hooks inside its elements, which leave the list when they are
// destroyed.
#pragma once

#include <bit>
#include <cstddef>
#include <iterator>

namespace berth {

// A member of everything that can be in an IntrusiveList; one hook is in one list at a time. Its destructor
// unlinks.
class ListHook {
 public:
    ListHook() = default;
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;
    ~ListHook() { unlink(); }

    bool linked() const noexcept { return next_ != this; }
    void unlink() noexcept {
        prev_->next_ = next_;
        next_->prev_ = prev_;
        prev_ = next_ = this;
    }

 private:
    template <class T, ListHook T::*Member>
    friend class IntrusiveList;
    void insert_before(ListHook& position) noexcept {
        unlink();
        prev_ = position.prev_;
        next_ = &position;
        prev_->next_ = this;
        position.prev_ = this;
    }

    ListHook* prev_ = this;  // a ring of one: unlinking needs no question whether there is a list
    ListHook* next_ = this;
};

// The list owns nothing and allocates nothing; every operation but size() and clear() is O(1). Pushing an
// element that is already in a list (this or another over the same hook) moves it. An element may be
// destroyed at any time except while an iterator stands on it; to destroy elements one after another, use
// `while (T* t = list.pop_front())`.
template <class T, ListHook T::*Member>
class IntrusiveList {
 public:
    class Iterator {
     public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        explicit Iterator(ListHook* at) : at_(at) {}
        T& operator*() const noexcept { return *owner(at_); }
        T* operator->() const noexcept { return owner(at_); }
        Iterator& operator++() noexcept { return at_ = at_->next_, *this; }
        Iterator operator++(int) noexcept {
            Iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const Iterator&) const = default;

     private:
        ListHook* at_ = nullptr;
    };

    IntrusiveList() = default;
    ~IntrusiveList() { clear(); }

    bool empty() const noexcept { return !ring_.linked(); }
    T* front() const noexcept { return empty() ? nullptr : owner(ring_.next_); }
    T* back() const noexcept { return empty() ? nullptr : owner(ring_.prev_); }
    void push_front(T& item) noexcept {
        erase(item);  // it may be the first one itself
        (item.*Member).insert_before(*ring_.next_);
    }
    void push_back(T& item) noexcept { (item.*Member).insert_before(ring_); }
    // `item` goes directly before `position`, which is in this list.
    static void insert_before(T& position, T& item) noexcept {
        (item.*Member).insert_before(position.*Member);
    }
    static void erase(T& item) noexcept { (item.*Member).unlink(); }
    T* pop_front() noexcept { return take(front()); }
    T* pop_back() noexcept { return take(back()); }
    // Unlinks every element; walks the list.
    void clear() noexcept {
        while (pop_front() != nullptr) {}
    }
    // Appends all of `other`, in order.
    void splice_back(IntrusiveList& other) noexcept {
        if (other.empty()) return;
        ListHook& first = *other.ring_.next_;
        ListHook& last = *other.ring_.prev_;
        other.ring_.prev_ = other.ring_.next_ = &other.ring_;
        first.prev_ = ring_.prev_;
        last.next_ = &ring_;
        ring_.prev_->next_ = &first;
        ring_.prev_ = &last;
    }
    // Walks the list.
    std::size_t size() const noexcept { return static_cast<std::size_t>(std::distance(begin(), end())); }

    Iterator begin() const noexcept { return Iterator(ring_.next_); }
    Iterator end() const noexcept { return Iterator(&ring_); }

 private:
    static T* owner(ListHook* hook) noexcept {
        // A pointer to a data member is the member's offset in the Itanium C++ ABI, which all our compilers
        // follow.
        const auto offset = std::bit_cast<std::ptrdiff_t>(Member);
        return reinterpret_cast<T*>(reinterpret_cast<char*>(hook) - offset);
    }
    static T* take(T* item) noexcept {
        if (item != nullptr) erase(*item);
        return item;
    }

    mutable ListHook ring_;
};

}  // namespace berth
