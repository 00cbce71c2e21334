// What a chain of awaiting coroutines shares: whether it was told to stop, and the one place where
// it waits just now.  A Scope belongs to a spawned task or to with_timeout().
#pragma once

namespace relais {

class Wait;

class Scope {
  public:
    Scope() = default;
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    // Ends the current wait and every later one with Cancelled.
    void cancel();

    bool cancelled() const { return cancelled_; }

  private:
    friend class Wait;
    friend class NestedScope;

    Wait* waiting_ = nullptr;
    Scope* inner_ = nullptr;
    bool cancelled_ = false;
};

// A scope inside another one: cancelled with it, and also on its own.
class NestedScope : public Scope {
  public:
    explicit NestedScope(Scope* outer);
    ~NestedScope();

  private:
    Scope* outer_;
};

}  // namespace relais
