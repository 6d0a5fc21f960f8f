// Buffer and Chain: output that is waiting to be written, as an intrusive list of memory and file parts.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

#include "core/memory/arena.hpp"

namespace berth {

// One part of a chain: either bytes in memory or a range of an open file. Nodes live in an Arena; a node
// never owns the bytes or the descriptor it points at, so whoever appends it keeps both alive until the node
// has been consumed. Nodes that a chain made go back to their arena as they are consumed, so that a long
// transfer needs no more memory than a short one: keep no pointer to a node beyond that.
struct Buffer {
    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    Buffer* next = nullptr;
    const char* begin = nullptr;  // the memory part; empty when this is a file part
    const char* end = nullptr;
    int file = -1;  // the file part: [file_begin, file_end) of this descriptor
    off_t file_begin = 0;
    off_t file_end = 0;
    bool flush = false;       // what comes before and in this node should not wait for more
    std::uint16_t frame = 0;  // bytes to give back to `home`, those of a small copied text included
    Arena* home = nullptr;    // null: the node belongs to somebody else

    bool in_file() const noexcept { return file >= 0; }
    std::size_t size() const noexcept {
        return static_cast<std::size_t>(in_file() ? file_end - file_begin : end - begin);
    }
    std::string_view text() const noexcept { return {begin, static_cast<std::size_t>(end - begin)}; }
    // The bytes stand behind this node and go with it.
    bool begin_is_own() const noexcept { return frame > sizeof(Buffer); }
};

// A singly linked list of Buffers with O(1) append. It owns nothing: destroying a chain leaves its nodes in
// their arena, which must live as long as the chain is used. Moving empties the source; a node is in at most
// one chain.
class Chain {
 public:
    class Iterator {
     public:
        using value_type = Buffer;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        explicit Iterator(Buffer* at) : at_(at) {}
        Buffer& operator*() const noexcept { return *at_; }
        Buffer* operator->() const noexcept { return at_; }
        Iterator& operator++() noexcept { return at_ = at_->next, *this; }
        Iterator operator++(int) noexcept { return Iterator(std::exchange(at_, at_->next)); }
        bool operator==(const Iterator&) const = default;

     private:
        Buffer* at_ = nullptr;
    };

    Chain() = default;
    Chain(Chain&& other) noexcept
        : head_(std::exchange(other.head_, nullptr)), tail_(std::exchange(other.tail_, nullptr)) {}
    Chain& operator=(Chain&& other) noexcept {
        head_ = std::exchange(other.head_, nullptr);
        tail_ = std::exchange(other.tail_, nullptr);
        return *this;
    }

    bool empty() const noexcept { return head_ == nullptr; }  // no nodes; a lone flush node is not empty
    Buffer* head() const noexcept { return head_; }
    Buffer* tail() const noexcept { return tail_; }
    Iterator begin() const noexcept { return Iterator(head_); }
    Iterator end() const noexcept { return Iterator(); }

    // Bytes in all parts; walks the list.
    std::size_t size() const noexcept;

    void append(Buffer* node) noexcept;
    void prepend(Buffer* node) noexcept;
    void append_chain(Chain&& other) noexcept;
    void clear() noexcept;
    // Takes the first node out; null when empty. Give it to recycle() when it is not appended elsewhere.
    Buffer* pop() noexcept;
    static void recycle(Buffer& node) noexcept;

    // A new node in `arena` for bytes that the caller keeps alive. Returns the node.
    Buffer* append_text(Arena& arena, std::string_view bytes);
    // A new node for bytes that are copied into `arena`; small ones are given back with the node.
    Buffer* append_copy(Arena& arena, std::string_view bytes);
    // A new node for [begin, end) of an open file that the caller keeps open.
    Buffer* append_file(Arena& arena, int file, off_t begin, off_t end);
    // A node without bytes that asks for everything before it to be sent.
    Buffer* append_flush(Arena& arena);

    // Drops the first `count` bytes, across memory and file parts, and every node that is used up, empty ones
    // included. More than size() empties the chain.
    void consume(std::size_t count) noexcept;

    // Moves the first `count` bytes into a new chain, splitting a node (a new one from `arena`) where the
    // border falls.
    Chain take(Arena& arena, std::size_t count);

    // Describes the memory parts from the front for writev(2), skipping empty nodes; stops at the first file
    // part or when `out` is full. Returns how many entries were filled.
    std::size_t to_iovecs(std::span<iovec> out) const noexcept;

 private:
    static Buffer* make(Arena& arena, std::size_t text = 0);

    Buffer* head_ = nullptr;
    Buffer* tail_ = nullptr;
};

}  // namespace berth
