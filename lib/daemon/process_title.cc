#include "lib/daemon/process_title.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <unistd.h>

namespace relais {

namespace {

constexpr std::size_t kMost = 255;

// There is one such memory in a process.
struct Room {
    char* begin = nullptr;
    std::size_t size = 0;
    std::size_t used = 0;
};

Room& room() {
    static Room room;
    return room;
}

// The end of the strings that stand one behind the other.
char* end_of_block(char** strings, char* end) {
    for (; *strings != nullptr && (end == nullptr || *strings == end); ++strings) {
        end = *strings + std::strlen(*strings) + 1;
    }
    return end;
}

}  // namespace

void prepare_process_title(char** argv) {
    char* end = end_of_block(environ, end_of_block(argv, nullptr));
    if (argv[0] == nullptr || room().begin != nullptr) {
        return;
    }
    for (char** each = environ; *each != nullptr; ++each) {
        *each = ::strdup(*each);  // for as long as the process lives
        if (*each == nullptr) {
            return;
        }
    }
    room() = {argv[0], static_cast<std::size_t>(end - argv[0]),
              static_cast<std::size_t>(end - argv[0])};
}

// What is behind the text becomes zero: of what was there before, nothing is shown.
void show_process_title(std::string_view title) {
    if (room().size == 0) {
        return;
    }
    const std::size_t size = std::min({title.size(), room().size - 1, kMost});
    std::memcpy(room().begin, title.data(), size);
    if (room().used > size) {
        std::memset(room().begin + size, 0, room().used - size);
    }
    room().used = size;
}

}  // namespace relais
