//! Where a call goes: AWS's endpoint rule sets, evaluated at run time.
