#include "lib/maps/map_source.h"

#include <random>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/unique_fd.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

struct Seen {
    std::string line;
    std::size_t first;
    std::size_t last;

    bool operator==(const Seen&) const = default;
};

std::vector<Seen> all_of(LogicalLines& lines) {
    std::vector<Seen> out;
    while (lines.next()) {
        out.push_back({std::string(lines.line()), lines.number(), lines.last_number()});
    }
    return out;
}

UniqueFd file_with(std::string_view text) {
    UniqueFd file(::memfd_create("source", MFD_CLOEXEC));
    REQUIRE(file.get() >= 0);
    REQUIRE(write_all(file.get(), text));
    REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
    return file;
}

// Lines of each kind, and of each length: none, what a table has, more than is read at once.
std::string some_text(std::mt19937& chance) {
    std::string text;
    while (text.size() < 300'000) {
        switch (chance() % 8) {
            case 0:
                text += "# a comment";
                break;
            case 1:
                text += "  ";
                break;
            case 2:
                text += "\t goes on";
                break;
            case 3:
                text += chance() % 50 == 0 ? std::string(chance() % 150'000, 'x') : "short line";
                break;
            default:
                text += "key" + std::to_string(chance()) + " value";
        }
        text += '\n';
    }
    text.resize(text.size() - chance() % 3);  // the last line may lack its end
    return text;
}

}  // namespace

TEST_CASE("maps/map_source: a file has the lines of its text, wherever it is cut in reading") {
    std::mt19937 chance(7);
    for (int run = 0; run < 30; ++run) {
        const std::string text = "first line\n" + some_text(chance);
        const UniqueFd file = file_with(text);
        LogicalLines in_memory(text, "x");
        LogicalLines in_file(file.get(), "x");
        CHECK(all_of(in_file) == all_of(in_memory));
        CHECK_FALSE(in_file.trouble());
    }
}

TEST_CASE("maps/map_source: what cannot be read is told before the first line") {
    const UniqueFd directory(::open("/", O_RDONLY | O_CLOEXEC));
    LogicalLines lines(directory.get(), "x");
    REQUIRE(lines.trouble());
    CHECK(lines.trouble()->message == "read x: Is a directory");
    CHECK_FALSE(lines.next());
}

TEST_CASE("maps/map_source: an empty file has no lines") {
    const UniqueFd file = file_with("");
    LogicalLines lines(file.get(), "x");
    CHECK_FALSE(lines.next());
    CHECK_FALSE(lines.trouble());
}
