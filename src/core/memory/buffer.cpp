// Chains: appending, consuming and splitting.
#include "core/memory/buffer.hpp"

namespace berth {

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
    other.clear();
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
    auto* node = arena.create<Buffer>();
    node->begin = bytes.data();
    node->end = bytes.data() + bytes.size();
    append(node);
    return node;
}

Buffer* Chain::append_file(Arena& arena, int file, off_t begin, off_t end) {
    auto* node = arena.create<Buffer>();
    node->file = file;
    node->file_begin = begin;
    node->file_end = end;
    append(node);
    return node;
}

Buffer* Chain::append_flush(Arena& arena) {
    auto* node = arena.create<Buffer>();
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
        pop();
    }
}

Chain Chain::take(Arena& arena, std::size_t count) {
    Chain front;
    while (head_ != nullptr && count > 0) {
        const std::size_t here = head_->size();
        if (here > count) {
            auto* part = arena.create<Buffer>(*head_);
            if (part->in_file()) {
                part->file_end = part->file_begin + static_cast<off_t>(count);
            } else {
                part->end = part->begin + count;
            }
            part->flush = false;  // the request to flush belongs to the last byte
            front.append(part);
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
