// The lines of standard input for commands that look up or delete many keys.  Before it has to wait
// for more, and now and then in between, the caller lets go of what others wait for.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace relais {

class KeyInput {
  public:
    // `pause` is called before a wait, `resume` before the next line.
    KeyInput(std::function<void()> pause, std::function<void()> resume)
        : pause_(std::move(pause)), resume_(std::move(resume)) {}

    ~KeyInput() { let_go(); }

    KeyInput(const KeyInput&) = delete;
    KeyInput& operator=(const KeyInput&) = delete;

    // False at the end.  `line` is valid until the next call.
    bool next(std::string_view& line);

  private:
    bool fill();
    void let_go();

    std::function<void()> pause_;
    std::function<void()> resume_;
    std::string buffer_;
    std::size_t begin_ = 0;
    std::size_t lines_ = 0;  // since the last resume_
    bool resumed_ = false;
    bool ended_ = false;
};

}  // namespace relais
