// Chains against a plain list of bytes.
#include "core/memory/buffer.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace berth {
namespace {

// Shows a chain as text; a file part of file n is shown as its offsets' last digits.
std::string show(const Chain& chain) {
    std::string out;
    for (const Buffer& part : chain) {
        if (!part.in_file()) out += part.text();
        for (off_t at = part.file_begin; part.in_file() && at < part.file_end; ++at)
            out += static_cast<char>('0' + at % 10);
    }
    return out;
}

TEST(Chain, ConsumesAcrossMemoryAndFileParts) {
    Arena arena;
    Chain chain;
    chain.append_text(arena, "abc");
    chain.append_file(arena, 9, 10, 15);
    chain.append_text(arena, "xyz");
    EXPECT_EQ(chain.size(), 11u);
    chain.consume(4);
    EXPECT_EQ(show(chain), "1234xyz");
    chain.consume(4);
    EXPECT_EQ(show(chain), "xyz");
    chain.consume(99);
    EXPECT_TRUE(chain.empty());
    EXPECT_EQ(chain.tail(), nullptr);
}

TEST(Chain, RandomOperationsKeepTheBytes) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        Arena arena;
        Chain chain;
        std::string expected;
        for (int step = 0; step < 50; ++step) {
            const std::size_t size = random() % 12;
            switch (random() % 5) {
                case 0: {
                    const std::string text(size, static_cast<char>('a' + step % 26));
                    chain.append_copy(arena, text);
                    expected += text;
                    break;
                }
                case 1: {
                    chain.append_file(arena, 3, 0, static_cast<off_t>(size));
                    for (std::size_t i = 0; i < size; ++i) expected += static_cast<char>('0' + i % 10);
                    break;
                }
                case 2:
                    chain.consume(size);
                    expected.erase(0, size);
                    break;
                case 3: {
                    const Chain front = chain.take(arena, size);
                    ASSERT_EQ(show(front), expected.substr(0, size));
                    expected.erase(0, size);
                    break;
                }
                default: {
                    Chain other;
                    other.append_flush(arena);
                    other.append_text(arena, "!");
                    chain.append_chain(std::move(other));
                    expected += '!';
                }
            }
            ASSERT_EQ(show(chain), expected);
            ASSERT_EQ(chain.size(), expected.size());
        }
    }
}

TEST(Chain, IovecsStopAtFilesAndSkipEmptyNodes) {
    Arena arena;
    Chain chain;
    chain.append_text(arena, "ab");
    chain.append_flush(arena);
    chain.append_text(arena, "cd");
    chain.append_text(arena, "ef");
    chain.append_file(arena, 3, 0, 5);
    chain.append_text(arena, "gh");
    iovec out[8];
    ASSERT_EQ(chain.to_iovecs(out), 3u);
    EXPECT_EQ(std::string(static_cast<char*>(out[1].iov_base), out[1].iov_len), "cd");
    EXPECT_EQ(chain.to_iovecs(std::span(out, 2)), 2u);
}

TEST(Chain, ALongTransferTakesNoMoreMemoryThanAShortOne) {
    Arena arena;
    Chain out;
    const auto pass = [&] {
        Chain piece;
        piece.append_text(arena, "bytes");
        piece.append_file(arena, 3, 0, 5);
        out.append_copy(arena, "a\r\n");
        out.append_chain(std::move(piece));
        out.append_text(arena, "\r\n");
        out.consume(3);
        out.consume(5 + 5 + 2);
        EXPECT_TRUE(out.empty());
    };
    while (arena.reserved() <= Arena::kBlockSize) pass();  // beyond its first block it keeps what is freed
    pass();
    const std::size_t first = arena.reserved();
    for (int i = 0; i < 10000; ++i) pass();
    EXPECT_EQ(arena.reserved(), first);
    out.append_copy(arena, "x");
    out.clear();
    for (int i = 0; i < 10000; ++i) {
        out.append_copy(arena, "x");
        out.clear();
    }
    EXPECT_EQ(arena.reserved(), first);
}

TEST(Chain, SmallCopiesCanBeSplit) {
    Arena arena;
    Chain chain;
    chain.append_copy(arena, "abcdef");
    Chain front = chain.take(arena, 2);
    chain.consume(1);
    EXPECT_EQ(show(front), "ab");
    EXPECT_EQ(show(chain), "def");
}

TEST(Chain, MovingEmptiesTheSource) {
    Arena arena;
    Chain a;
    a.append_text(arena, "x");
    Chain b = std::move(a);
    EXPECT_TRUE(a.empty());
    EXPECT_EQ(show(b), "x");
    a.append_text(arena, "y");
    b.append_chain(std::move(a));
    EXPECT_EQ(show(b), "xy");
    Buffer* first = b.pop();
    b.prepend(first);
    EXPECT_EQ(show(b), "xy");
}

}  // namespace
}  // namespace berth
