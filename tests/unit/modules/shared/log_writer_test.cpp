// LogWriter: what becomes of lines that a file or a pipe does not take.
#include "modules/shared/log_writer.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace berth {
namespace {

TEST(AppendToFileTest, APipeThatIsFullTakesNoMoreAndHasOnlyWholeLines) {
    const Pipe pipe = *make_pipe();
    ASSERT_TRUE(set_nonblocking(pipe.write.get()));
    ASSERT_TRUE(set_nonblocking(pipe.read.get()));
    std::string lines;
    while (lines.size() < 1U << 20U) lines += std::string(300, 'x') + "\n";
    EXPECT_EQ(append_to_file(pipe.write.get(), lines, true), EAGAIN);

    std::string content(lines.size(), '\0');
    const ssize_t size = ::read(pipe.read.get(), content.data(), content.size());
    ASSERT_GT(size, 0);
    EXPECT_EQ(size % 301, 0);
    EXPECT_EQ(append_to_file(pipe.write.get(), "short\n", true), 0);
}

TEST(AppendToFileTest, ALineThatFitsNoPieceIsWrittenAllTheSame) {
    const Pipe pipe = *make_pipe();
    ASSERT_TRUE(set_nonblocking(pipe.write.get()));
    const std::string line = std::string(10'000, 'x') + "\n";
    EXPECT_EQ(append_to_file(pipe.write.get(), line, true), 0);
    std::string content(line.size(), '\0');
    EXPECT_EQ(::read(pipe.read.get(), content.data(), content.size()), static_cast<ssize_t>(line.size()));
    EXPECT_EQ(content, line);
}

}  // namespace
}  // namespace berth
