// Memory for the frames of coroutines.  A message has hundreds of them, of a few sizes, and soon
// gives them back.
#pragma once

#include <array>
#include <cstddef>
#include <new>

namespace relais {

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
inline constexpr bool kFramesArePooled = false;  // a frame that is used after its end is to be seen
#else
inline constexpr bool kFramesArePooled = true;
#endif

// Keeps what was given back for who asks for that size next, some pieces of each.  One for each
// thread: none is shared.  It has no end: frames may be given back until the last moment of a
// thread.
class FramePool {
  public:
    static FramePool& current() {
        static constinit thread_local FramePool pool;
        return pool;
    }

    void* take(std::size_t size) {
        const std::size_t kind = kind_of(size);
        if (kind >= kKinds) {
            return ::operator new(size);
        }
        Shelf& shelf = shelves_[kind];
        if (shelf.first == nullptr) {
            return ::operator new((kind + 1) * kStep);
        }
        --shelf.count;
        Piece* piece = shelf.first;
        shelf.first = piece->next;
        return piece;
    }

    // `size` is what was asked for.
    void give_back(void* memory, std::size_t size) noexcept {
        const std::size_t kind = kind_of(size);
        if (kind >= kKinds || shelves_[kind].count == kMostKept) {
            ::operator delete(memory);
            return;
        }
        Shelf& shelf = shelves_[kind];
        ++shelf.count;
        shelf.first = new (memory) Piece{shelf.first};
    }

    // How many pieces are kept for frames of that size.
    [[nodiscard]] unsigned kept_for(std::size_t size) const {
        return shelves_.at(kind_of(size)).count;
    }

  private:
    static constexpr std::size_t kStep = 64;
    static constexpr std::size_t kKinds = 16;  // up to 1 KB
    static constexpr unsigned kMostKept = 16;  // of a kind: 139 KB of all

    struct Piece {
        Piece* next;
    };

    struct Shelf {
        Piece* first = nullptr;
        unsigned count = 0;
    };

    static std::size_t kind_of(std::size_t size) { return (size - 1) / kStep; }

    std::array<Shelf, kKinds> shelves_{};
};

}  // namespace relais
