# The Windows sentinel: writes the text behind it to its standard output, and exits with a status of 32 bits.
.intel_syntax noprefix
.set IAT, start - 0x400
.set GetStdHandle, IAT
.set WriteFile, IAT + 8
.set ExitProcess, IAT + 16

start:
    sub rsp, 0x38
    mov ecx, -11                # STD_OUTPUT_HANDLE
    call [rip + GetStdHandle]
    and qword ptr [rsp + 0x20], 0
    lea r9, [rsp + 0x30]
    mov r8d, 33
    lea rdx, [rip + text]
    mov rcx, rax
    call [rip + WriteFile]
    mov ecx, 0x2a00002a
    call [rip + ExitProcess]
text:
