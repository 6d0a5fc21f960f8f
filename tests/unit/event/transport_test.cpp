// Tests of the plain transport on real sockets: partial writes, files, limits, ends.
#include "event/transport.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>

#include "core/system/file_descriptor.hpp"

namespace berth {
namespace {

class TransportTest : public testing::Test {
 protected:
    TransportTest() {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        ours_.reset(ends[0]);
        theirs_.reset(ends[1]);
    }

    FileDescriptor file_with(std::string_view content) {
        FileDescriptor fd(::open(testing::TempDir().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
        EXPECT_EQ(::write(fd.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
        return fd;
    }

    std::string read_all() {
        std::string all;
        std::array<char, 65536> bytes;
        for (ssize_t got; (got = ::read(theirs_.get(), bytes.data(), bytes.size())) > 0;) {
            all.append(bytes.data(), static_cast<std::size_t>(got));
        }
        return all;
    }

    Transport& plain_ = plain_transport();
    Arena arena_;
    Chain chain_;
    FileDescriptor ours_, theirs_;
};

TEST_F(TransportTest, RecvTellsBytesWouldBlockAndTheEnd) {
    std::array<char, 4> into;
    EXPECT_TRUE(plain_.recv(ours_.get(), into).would_block());
    ASSERT_EQ(::write(theirs_.get(), "abcdef", 6), 6);
    IoResult result = plain_.recv(ours_.get(), into);
    EXPECT_TRUE(result.ok());
    EXPECT_EQ(result.bytes, 4u);
    EXPECT_FALSE(result.drained);
    result = plain_.recv(ours_.get(), into);
    EXPECT_EQ(result.bytes, 2u);
    EXPECT_TRUE(result.drained);
    theirs_.reset();
    EXPECT_TRUE(plain_.recv(ours_.get(), into).closed());
}

TEST_F(TransportTest, SendsMemoryAndFilePartsInOrder) {
    const FileDescriptor file = file_with("0123456789");
    chain_.append_text(arena_, "head ");
    chain_.append_text(arena_, "");
    chain_.append_file(arena_, file.get(), 2, 6);
    chain_.append_text(arena_, " tail");
    chain_.append_flush(arena_);
    const IoResult result = plain_.send(ours_.get(), chain_);
    EXPECT_TRUE(result.ok());
    EXPECT_EQ(result.bytes, 14u);
    EXPECT_TRUE(chain_.empty());
    EXPECT_EQ(read_all(), "head 2345 tail");
}

TEST_F(TransportTest, StopsAtTheLimit) {
    const FileDescriptor file = file_with("0123456789");
    chain_.append_text(arena_, "abc");
    chain_.append_text(arena_, "def");
    chain_.append_file(arena_, file.get(), 0, 10);
    EXPECT_EQ(plain_.send(ours_.get(), chain_, 4).bytes, 4u);
    EXPECT_EQ(plain_.send(ours_.get(), chain_, 5).bytes, 5u);
    EXPECT_EQ(chain_.size(), 7u);
    EXPECT_EQ(read_all(), "abcdef012");
}

TEST_F(TransportTest, AFullSocketTakesAPartAndSaysSo) {
    std::string text;
    for (int i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i) + ' ';
    const FileDescriptor file = file_with(text);
    for (int i = 0; i < 100; ++i) chain_.append_text(arena_, std::string_view(text).substr(0, 10'000));
    chain_.append_file(arena_, file.get(), 0, static_cast<off_t>(text.size()));
    std::string expected;
    for (int i = 0; i < 100; ++i) expected += text.substr(0, 10'000);
    expected += text;

    std::string got;
    std::size_t sent = 0;
    int blocked = 0;
    while (!chain_.empty()) {
        const IoResult result = plain_.send(ours_.get(), chain_);
        ASSERT_FALSE(result.failed());
        sent += result.bytes;
        blocked += result.would_block() ? 1 : 0;
        got += read_all();
    }
    EXPECT_GT(blocked, 1);
    EXPECT_EQ(sent, expected.size());
    EXPECT_TRUE(got == expected);
}

TEST_F(TransportTest, AFileThatShrankIsAnError) {
    const FileDescriptor file = file_with("12345");
    chain_.append_file(arena_, file.get(), 0, 10);
    const IoResult result = plain_.send(ours_.get(), chain_);
    EXPECT_TRUE(result.failed());
    EXPECT_EQ(result.error_number, EIO);
    EXPECT_EQ(result.bytes, 5u);
}

TEST_F(TransportTest, APeerThatIsGoneIsAnErrorAndNoSignal) {
    theirs_.reset();
    chain_.append_text(arena_, "x");
    const IoResult result = plain_.send(ours_.get(), chain_);
    EXPECT_TRUE(result.failed());
    EXPECT_EQ(result.error_number, EPIPE);
    EXPECT_EQ(chain_.size(), 1u);
}

TEST_F(TransportTest, ShutdownEndsOurDirectionOnly) {
    EXPECT_TRUE(plain_.shutdown_write(ours_.get()).ok());
    char byte;
    EXPECT_EQ(::read(theirs_.get(), &byte, 1), 0);
    EXPECT_EQ(::write(theirs_.get(), "x", 1), 1);
    EXPECT_EQ(plain_.recv(ours_.get(), {&byte, 1}).bytes, 1u);
}

}  // namespace
}  // namespace berth
