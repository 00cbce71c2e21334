// Reads a configuration file to change it, and replaces it whole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/unique_fd.h"

namespace relais::postconf {

// One physical line with its newline, and its part in a logical line.
struct PhysicalLine {
    enum class Kind { kComment, kStart, kContinuation };  // empty lines count as comments
    Kind kind = Kind::kComment;
    std::string text;
};

class FileEditor {
  public:
    // Opens and locks the new file beside the old one, so that two editors, Postfix's own included,
    // do not undo each other's work.  What a killed editor left there is overwritten.
    explicit FileEditor(std::string path);

    [[nodiscard]] const std::vector<PhysicalLine>& lines() const { return lines_; }

    [[nodiscard]] const std::string& path() const { return path_; }

    void put(std::string_view text);
    // As a line of its own even where the text before it does not end with a newline.
    void put_line(std::string_view text);

    // Replaces the file with what was put.
    void save();

  private:
    std::string path_;
    std::string target_;  // what path_ is a symbolic link to, or path_
    UniqueFd new_file_;
    std::vector<PhysicalLine> lines_;
    std::string out_;
};

}  // namespace relais::postconf
