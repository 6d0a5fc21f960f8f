// The slots of configuration structs, and how an inner block is completed from an outer one.
#include "core/config/conf.hpp"

#include "core/config/directive.hpp"
#include "core/module.hpp"

namespace berth {

void* ConfSet::own(const ConfInfo& info, Arena& arena) {
    if (structs_.empty()) structs_.resize(conf_count(level_));
    void*& place = structs_[static_cast<std::size_t>(info.slot)];
    if (place == nullptr) place = info.create(arena);
    return place;
}

void ConfSet::inherit(const ConfSet* outer, Loader& loader, Arena& arena) {
    structs_.resize(conf_count(level_));
    for (std::size_t slot = 0; slot < structs_.size(); ++slot) {
        const ConfInfo& info = conf_at(level_, slot);
        void*& own = structs_[slot];
        void* above = outer != nullptr ? outer->structs_[slot] : nullptr;
        if (own == nullptr && above != nullptr) {
            own = above;
            continue;
        }
        if (own == nullptr) own = info.create(arena);
        if (above != nullptr) {
            for (const Directive& row : info.rows) {
                if (row.conf == &info && row.inherit != nullptr) row.inherit(own, above);
            }
            if (info.merge != nullptr) info.merge(own, above);
        }
        if (info.finish != nullptr) info.finish(own, loader);
    }
}

}  // namespace berth
