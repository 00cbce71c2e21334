// The tables that doveadm prints, in the forms of -f: a row has a value for each column.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace relais::doveadm {

struct Column {
    std::string key;         // for json
    std::string title = {};  // where it differs from the key
    bool untitled = false;   // forms that print titles beside values print only the value
    bool expands = false;    // takes the room that is left in a line of a table
    bool right = false;      // stands at the right of its column there

    const std::string& shown() const { return title.empty() ? key : title; }
};

class Printer {
  public:
    // Null where there is no such form: "tab", "flow", "json", "pager", "table".
    [[nodiscard]] static std::unique_ptr<Printer> make(std::string_view form);

    explicit Printer(int fd = 1) : fd_(fd) {}

    Printer(const Printer&) = delete;
    Printer& operator=(const Printer&) = delete;
    virtual ~Printer() = default;

    void set_columns(std::vector<Column> columns);

    // A value for the next column; a row begins and ends by itself.
    void value(std::string_view text);

    // The same for a text of many lines, such as a message.
    void text(std::string_view text);

    // Whose rows come now, for messages.
    void set_user(std::string_view user) { who_ = "doveadm(" + std::string(user) + ")"; }

    // What is printed behind the last row; writes everything out.
    void finish();

  protected:
    virtual void begin() {}

    virtual void put(const Column& column, std::size_t at, std::string_view value) = 0;

    virtual void put_text(const Column& column, std::size_t at, std::string_view value) = 0;

    virtual void end_row() = 0;

    virtual void end() {}

    void write(std::string_view bytes);

    const std::vector<Column>& columns() const { return columns_; }

    const std::string& who() const { return who_; }

  private:
    void next(std::string_view value, bool is_text);

    int fd_;
    std::string who_;
    std::vector<Column> columns_;
    std::size_t at_ = 0;
    bool begun_ = false;
    std::string out_;
};

// Passes the rows on to a printer in another process, through a pipe.
class RowSender : public Printer {
  public:
    explicit RowSender(int fd) : Printer(fd) {}

  private:
    void put(const Column& column, std::size_t at, std::string_view value) override;
    void put_text(const Column& column, std::size_t at, std::string_view value) override;

    void end_row() override {}
};

// The other end: takes rows up to the end of the pipe.  False: they made no sense.
[[nodiscard]] bool receive_rows(int fd, Printer& printer);

}  // namespace relais::doveadm
