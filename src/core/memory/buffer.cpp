// Chains: appending, consuming and splitting.
#include "core/memory/buffer.hpp"

#include <cstring>

namespace berth {

namespace {

constexpr std::size_t kSmallCopy = 192;  // what is copied behind its node, and goes back with it

}  // namespace

Buffer* Chain::make(Arena& arena, std::size_t text) {
    const std::size_t size = sizeof(Buffer) + text;
    auto* node = new (arena.allocate_frame(size)) Buffer;
    node->frame = static_cast<std::uint16_t>(size);
    node->home = &arena;
    return node;
}

void Chain::recycle(Buffer& node) noexcept {
    if (node.home != nullptr) node.home->free_frame(&node, node.frame);
}

void Chain::clear() noexcept {
    while (Buffer* node = pop()) recycle(*node);
}

std::size_t Chain::size() const noexcept {
    std::size_t total = 0;
    for (const Buffer& part : *this) total += part.size();
    return total;
}

void Chain::append(Buffer* node) noexcept {
    node->next = nullptr;
    (tail_ == nullptr ? head_ : tail_->next) = node;
    tail_ = node;
}

void Chain::prepend(Buffer* node) noexcept {
    node->next = head_;
    head_ = node;
    if (tail_ == nullptr) tail_ = node;
}

void Chain::append_chain(Chain&& other) noexcept {
    if (other.empty()) return;
    (tail_ == nullptr ? head_ : tail_->next) = other.head_;
    tail_ = other.tail_;
    other.head_ = other.tail_ = nullptr;
}

Buffer* Chain::pop() noexcept {
    Buffer* node = head_;
    if (node == nullptr) return nullptr;
    head_ = node->next;
    if (head_ == nullptr) tail_ = nullptr;
    node->next = nullptr;
    return node;
}

Buffer* Chain::append_text(Arena& arena, std::string_view bytes) {
    Buffer* node = make(arena);
    node->begin = bytes.data();
    node->end = bytes.data() + bytes.size();
    append(node);
    return node;
}

Buffer* Chain::append_copy(Arena& arena, std::string_view bytes) {
    if (bytes.size() > kSmallCopy) return append_text(arena, arena.copy(bytes));
    Buffer* node = make(arena, bytes.size());
    char* text = reinterpret_cast<char*>(node + 1);
    if (!bytes.empty()) std::memcpy(text, bytes.data(), bytes.size());
    node->begin = text;
    node->end = text + bytes.size();
    append(node);
    return node;
}

Buffer* Chain::append_file(Arena& arena, int file, off_t begin, off_t end) {
    Buffer* node = make(arena);
    node->file = file;
    node->file_begin = begin;
    node->file_end = end;
    append(node);
    return node;
}

Buffer* Chain::append_flush(Arena& arena) {
    Buffer* node = make(arena);
    node->flush = true;
    append(node);
    return node;
}

namespace {

void skip(Buffer& node, std::size_t count) noexcept {
    if (node.in_file()) {
        node.file_begin += static_cast<off_t>(count);
    } else {
        node.begin += count;
    }
}

}  // namespace

void Chain::consume(std::size_t count) noexcept {
    while (head_ != nullptr) {
        const std::size_t here = head_->size();
        if (here > count) return skip(*head_, count);
        count -= here;
        recycle(*pop());
    }
}

Chain Chain::take(Arena& arena, std::size_t count) {
    Chain front;
    while (head_ != nullptr && count > 0) {
        const std::size_t here = head_->size();
        if (here > count) {
            // The request to flush stays with the last byte.
            if (head_->in_file()) {
                front.append_file(arena, head_->file, head_->file_begin,
                                  head_->file_begin + static_cast<off_t>(count));
            } else if (head_->begin_is_own()) {
                front.append_copy(arena, {head_->begin, count});
            } else {
                front.append_text(arena, {head_->begin, count});
            }
            skip(*head_, count);
            break;
        }
        count -= here;
        front.append(pop());
    }
    return front;
}

std::size_t Chain::to_iovecs(std::span<iovec> out) const noexcept {
    std::size_t filled = 0;
    for (const Buffer& part : *this) {
        if (part.in_file() || filled == out.size()) break;
        if (part.begin == part.end) continue;
        out[filled++] = {const_cast<char*>(part.begin), part.size()};
    }
    return filled;
}

}  // namespace berth
