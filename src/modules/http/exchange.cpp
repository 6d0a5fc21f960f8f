// The list of free exchanges.
#include "modules/http/exchange.hpp"

namespace berth::http {

namespace {

constexpr std::size_t kMostKept = 256;

struct FreeList {
    struct Node {
        Node* next;
    };
    Node* first = nullptr;
    std::size_t count = 0;

    ~FreeList() {
        while (first != nullptr) ::operator delete(std::exchange(first, first->next));
    }
};

thread_local FreeList free_exchanges;

}  // namespace

void* Exchange::operator new(std::size_t size) {
    FreeList& list = free_exchanges;
    if (list.first == nullptr) return ::operator new(size);
    --list.count;
    return std::exchange(list.first, list.first->next);
}

void Exchange::operator delete(void* memory) noexcept {
    FreeList& list = free_exchanges;
    if (list.count == kMostKept) {
        ::operator delete(memory);
        return;
    }
    ++list.count;
    list.first = new (memory) FreeList::Node{list.first};
}

}  // namespace berth::http
