# The launcher for 64-bit Wine. `objdump -d -M intel` of the bytes in `launcher.rs` shows this again.
.intel_syntax noprefix
.set IAT, start - 0x400
.set GetCommandLineW, IAT
.set GetStartupInfoW, IAT + 8
.set CreateProcessW, IAT + 16
.set WaitForSingleObject, IAT + 24
.set GetExitCodeProcess, IAT + 32
.set GetLastError, IAT + 40
.set CreateFileW, IAT + 48
.set WriteFile, IAT + 56
.set ExitProcess, IAT + 64

start:
    # 0x00 arguments, 0x50 PROCESS_INFORMATION, 0x70 STARTUPINFOW, 0xe0 record, 0xe8 bytes written
    sub rsp, 0x108
    call [rip + GetCommandLineW]
    mov rsi, rax
    movzx ebp, word ptr [rax]   # a quote, where Wine quotes the name of every program
    call take                   # ourselves
    call take                   # where the status goes
    mov rbx, rax
    call take                   # the program
    mov rdi, rax
    call take                   # room; what is left is the program's command line
    cmp ebp, 0x22
    jne quoted
    cmp [rsi], bp
    je quoted
    mov rdx, rsi                # its first word moves back by one, into quotes
    sub rsi, 4
    mov [rsi], bp
1:  movzx eax, word ptr [rdx]
    cmp eax, 0x20
    jbe 2f
    mov [rdx - 2], ax
    add rdx, 2
    jmp 1b
2:  mov [rdx - 2], bp
quoted:
    lea rcx, [rsp + 0x70]
    call [rip + GetStartupInfoW]
    xor eax, eax
    mov [rsp + 0x88], rax       # no title
    mov [rsp + 0x28], eax       # no flags
    mov [rsp + 0x30], rax       # our environment
    mov [rsp + 0x38], rax       # our directory
    lea rcx, [rsp + 0x70]
    mov [rsp + 0x40], rcx
    lea rcx, [rsp + 0x50]
    mov [rsp + 0x48], rcx
    inc eax
    mov [rsp + 0xe0], eax       # kind 1: a status
    mov [rsp + 0x20], eax       # it inherits our handles
    xor r9d, r9d
    xor r8d, r8d
    mov rdx, rsi
    mov rcx, rdi
    call [rip + CreateProcessW]
    test eax, eax
    jz refused
    or edx, -1
    mov rcx, [rsp + 0x50]
    call [rip + WaitForSingleObject]
    lea rdx, [rsp + 0xe4]
    mov rcx, [rsp + 0x50]
    call [rip + GetExitCodeProcess]
    jmp tell
refused:
    call [rip + GetLastError]
    mov [rsp + 0xe4], eax
    inc dword ptr [rsp + 0xe0]  # kind 2: an error
tell:
    xor eax, eax
    mov [rsp + 0x30], rax
    mov dword ptr [rsp + 0x28], 0x80
    mov dword ptr [rsp + 0x20], 2   # CREATE_ALWAYS
    xor r9d, r9d
    xor r8d, r8d
    mov edx, 0x40000000         # GENERIC_WRITE
    mov rcx, rbx
    call [rip + CreateFileW]
    and qword ptr [rsp + 0x20], 0
    lea r9, [rsp + 0xe8]
    mov r8d, 8
    lea rdx, [rsp + 0xe0]
    mov rcx, rax
    call [rip + WriteFile]
    mov ecx, [rsp + 0xe4]
    call [rip + ExitProcess]

# Takes a word off the command line at rsi: rax is its text without quotes, rsi what comes after it.
take:
    xor ecx, ecx
    mov rax, rsi
    cmp word ptr [rsi], 0x22
    jne 1f
    add rax, 2
1:  movzx edx, word ptr [rsi]
    test edx, edx
    jz 6f
    cmp edx, 0x22
    jne 2f
    xor ecx, 1
    jnz 3f
    mov [rsi], cx
    jmp 3f
2:  test ecx, ecx
    jnz 3f
    cmp edx, 0x20
    je 4f
3:  add rsi, 2
    jmp 1b
4:  and word ptr [rsi], 0
5:  add rsi, 2
    cmp word ptr [rsi], 0x20
    je 5b
6:  ret
