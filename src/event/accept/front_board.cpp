// Secrets of fronts, and what waits for workers.
#include "event/accept/front_board.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>

namespace berth {

namespace {

// What a binary inherited counts as that of a generation before its first.
constexpr std::uint64_t kInherited = ~std::uint64_t{0};

std::uint64_t age(const FrontBoard::Secret& secret) noexcept {
    return secret.generation == kInherited ? 1 : secret.generation * 2;
}

}  // namespace

// What is just on its way is another one each time, and mostly there is none: the least of several.
std::int32_t FrontBoard::Drift::seen(std::int32_t difference) noexcept {
    if (difference == 0 || (moments_ > 0 && (difference > 0) != (least_ > 0))) return moments_ = 0;
    least_ = moments_++ == 0  ? difference
             : difference > 0 ? std::min(least_, difference)
                              : std::max(least_, difference);
    if (moments_ < kMoments) return 0;
    moments_ = 0;
    return least_;
}

void FrontBoard::make_secret(std::uint64_t generation) {
    if (!secret(generation).empty()) return;
    Secret& place = *std::ranges::min_element(secrets, {}, age);
    std::array<char, kSecretSize> bytes;
    if (const std::string_view newest = newest_secret(); keeps_secret && !newest.empty()) {
        std::ranges::copy(newest, bytes.begin());
    } else if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        std::abort();  // cannot happen for so few bytes: getrandom(2)
    }
    place.generation = 0;
    place.bytes = bytes;
    place.generation = generation;
}

void FrontBoard::forget_secret(std::uint64_t generation) noexcept {
    if (keeps_secret) return;  // fronts of the other binary may have the same
    for (Secret& secret : secrets) {
        if (secret.generation == generation) secret.generation = 0;
    }
}

std::string_view FrontBoard::newest_secret() const noexcept {
    const Secret& newest = *std::ranges::max_element(secrets, {}, age);
    return newest.generation == 0 ? std::string_view()
                                  : std::string_view(newest.bytes.data(), newest.bytes.size());
}

void FrontBoard::inherit_secret(std::string_view bytes) noexcept {
    if (bytes.size() != kSecretSize) return;
    std::ranges::copy(bytes, secrets[0].bytes.begin());
    secrets[0].generation = kInherited;
    keeps_secret = true;
}

std::string_view FrontBoard::secret(std::uint64_t generation) const noexcept {
    for (const Secret& secret : secrets) {
        if (secret.generation == generation) return {secret.bytes.data(), secret.bytes.size()};
    }
    return {};
}

bool FrontBoard::knows(std::string_view bytes) const noexcept {
    if (bytes.size() != kSecretSize) return false;
    bool known = false;
    for (const Secret& secret : secrets) {
        unsigned different = secret.generation == 0 ? 1U : 0U;
        for (std::size_t i = 0; i < kSecretSize; ++i) {
            different |= static_cast<unsigned char>(secret.bytes[i] ^ bytes[i]);
        }
        known = known | (different == 0);
    }
    return known;
}

}  // namespace berth
