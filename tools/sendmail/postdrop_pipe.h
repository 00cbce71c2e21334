// A running postdrop(1): takes records, tells at the end whether the message is safe.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/unique_fd.h"
#include "lib/event/child.h"
#include "lib/queue/record.h"

namespace relais {

class PostdropPipe {
  public:
    // Starts it.  `submitter` ("root(0)") begins the messages about failures, which end the
    // process.
    explicit PostdropPipe(std::string submitter);
    ~PostdropPipe();
    PostdropPipe(const PostdropPipe&) = delete;
    PostdropPipe& operator=(const PostdropPipe&) = delete;

    void put(Rec type, std::string_view data);
    void put_attribute(std::string_view name, std::string_view value);

    // The end record was put: waits for the verdict.
    void finish();

  private:
    void flush();
    std::string read_reply();

    std::string submitter_;
    std::string command_;
    std::string pending_;
    UniqueFd to_;
    UniqueFd from_;
    std::optional<Child> child_;
};

}  // namespace relais
